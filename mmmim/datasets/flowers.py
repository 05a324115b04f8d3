from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import torchvision

from mmmim.errors import MissingFileError, UsageError, one_of
from mmmim.registry import DATASETS

from .file_listing import PathList
from .image_files import ImageFiles, check_root
from .sources import FolderSource

SOURCE = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102"
NUM_CLASSES = 102
SPLIT_VARIABLES = dict(train=("trnid", "valid"), test=("tstid",))


@DATASETS.register_module()
class Flowers102(ImageFiles):
    """Oxford 102 Flowers in its official layout: ``jpg/image_00001.jpg``, …, ``imagelabels.mat``, ``setid.mat``.

    Args:
        split: ``train`` for the official training and validation images together (2040), on which transfer papers
            train, or ``test`` for the official test images (6149).

    Raises:
        MissingFileError: A file or folder of the layout is missing; the message says where to get it.
        UsageError: An id or a label of the ``.mat`` files is out of range.
    """

    def __init__(
        self, root: str, split: str = "train", transforms: Sequence[dict | Callable] = (), channels: int = 3
    ) -> None:
        one_of("split", split, SPLIT_VARIABLES)
        check_root(root)
        every_label = _read(root, "imagelabels.mat", ("labels",))
        ids = _read(root, "setid.mat", SPLIT_VARIABLES[split])
        if not os.path.isdir(os.path.join(root, "jpg")):
            raise MissingFileError(f"root: {root!r} has no folder 'jpg'; unpack 102flowers.tgz of {SOURCE} there")
        if ids.min() < 1 or ids.max() > len(every_label):
            raise UsageError(
                f"root: setid.mat of {root!r} has image id {ids.min() if ids.min() < 1 else ids.max()}, but "
                f"imagelabels.mat has labels of images 1..{len(every_label)}"
            )
        labels = every_label[ids - 1]
        if labels.min() < 1 or labels.max() > NUM_CLASSES:
            raise UsageError(
                f"root: imagelabels.mat of {root!r} has label {labels.min() if labels.min() < 1 else labels.max()}; "
                f"labels are 1..{NUM_CLASSES}"
            )
        paths = PathList.of(f"jpg/image_{number:05d}.jpg" for number in ids)
        super().__init__(FolderSource(root, paths), labels - 1, _class_names(), transforms, channels)


def _read(root: str, name: str, variables: Sequence[str]) -> np.ndarray:
    from scipy.io import loadmat

    path = os.path.join(root, name)
    if not os.path.isfile(path):
        raise MissingFileError(f"root: no such file: {path!r}; {name} comes from {SOURCE}/{name}")
    try:
        content = loadmat(path)
    except Exception as error:  # the reader raises anything on broken data
        raise UsageError(
            f"root: {path!r} is no .mat file, or a damaged one ({type(error).__name__}: {error}); get {name} from "
            f"{SOURCE}/{name}"
        ) from None
    if lacking := [variable for variable in variables if variable not in content]:
        raise UsageError(f"root: {path!r} has no variable {lacking[0]!r}; get {name} from {SOURCE}/{name}")
    return np.concatenate([content[variable].ravel() for variable in variables]).astype(np.int64)


def _class_names() -> list[str]:
    return getattr(torchvision.datasets.Flowers102, "classes", None) or [str(1 + k) for k in range(NUM_CLASSES)]
