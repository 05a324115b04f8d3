from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from torchvision import tv_tensors

from mmmim.checks import one_of
from mmmim.registry import DATASETS

from .base import SeededImageDataset
from .decode import IMAGE_EXTENSIONS, PIL_MODES, decode_image
from .file_listing import PathList, list_images


class _ImageFiles(SeededImageDataset):
    def __init__(
        self,
        root: str,
        paths: PathList,
        labels: np.ndarray,
        classes: Sequence[str],
        transforms: Sequence[dict | Callable],
        channels: int,
    ) -> None:
        super().__init__(len(paths), transforms)
        self.root, self.paths, self.labels = root, paths, labels
        self.channels = channels
        self.classes = tuple(classes)

    @property
    def metainfo(self) -> dict:
        return dict(classes=self.classes)

    def load(self, index: int) -> Image.Image | tv_tensors.Image:
        return decode_image(self.name(index), self.channels)

    def label(self, index: int) -> int:
        return int(self.labels[index])

    def name(self, index: int) -> str:
        return os.path.join(self.root, self.paths[index])


@DATASETS.register_module()
class ImageFolder(_ImageFiles):
    """All images below a folder, at any depth.

    Labelled: the folders directly below ``root`` are the classes, in sorted order. Unlabelled: every label is -1.

    Args:
        labelled: None finds out: labelled when images lie in two or more folders and none lies in ``root`` itself.
        classes: Class names in the order of their labels; folders may be missing, but not be others. Give the training
            set's classes to the validation set.
        subset: ``'train'`` or ``'holdout'`` divide one folder in two, by a hash of the file names and class by class.
        holdout: Share of the held-out part; at least one image of each class that has two.
        channels: 1, 3 or 4, or with ``.npy`` files any number.
        extensions: Default: those of ``decode_image``.

    Raises:
        FileNotFoundError: no such folder, or no image in it.
        ValueError: the labels do not fit the folder; the message says how.
    """

    def __init__(
        self,
        root: str,
        transforms: Sequence[dict | Callable] = (),
        labelled: bool | None = None,
        classes: Sequence[str] | None = None,
        subset: str | None = None,
        holdout: float = 0.1,
        channels: int = 3,
        extensions: Sequence[str] | None = None,
    ) -> None:
        paths = find_images(root, channels, extensions)
        labels, classes = _labels(root, paths, labelled, classes)
        if subset is not None:
            keep = _subset(paths, labels, subset, holdout)
            paths, labels = paths.take(keep), labels[keep]
        super().__init__(root, paths, labels, classes, transforms, channels)


@DATASETS.register_module()
class ImageList(_ImageFiles):
    """Images named in a text file, one ``path`` or ``path label`` (integer) a line, relative to ``root``.

    Either every line has a label or none (-1). Empty lines and lines starting with ``#`` are left out; a path may
    contain spaces when a label follows. Missing files count as unreadable ones.
    """

    def __init__(
        self,
        root: str,
        ann_file: str,
        transforms: Sequence[dict | Callable] = (),
        classes: Sequence[str] = (),
        channels: int = 3,
    ) -> None:
        if not os.path.isfile(ann_file):
            raise FileNotFoundError(f"ann_file: no such file: {ann_file!r}")
        with open(ann_file, encoding="utf-8") as file:
            lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
        if not lines:
            raise ValueError(f"ann_file: {ann_file!r} names no image")
        parts = [line.rsplit(maxsplit=1) for line in lines]
        has_label = [len(p) == 2 and p[1].lstrip("-").isdigit() for p in parts]
        if any(has_label) and not all(has_label):
            raise ValueError(
                f"ann_file: {ann_file!r} has labels in {sum(has_label)} of {len(lines)} lines; "
                f"line without an integer label: {lines[has_label.index(False)]!r}"
            )
        labelled = has_label[0]
        paths = PathList.of(p[0] for p in parts) if labelled else PathList.of(lines)
        labels = np.array([int(p[1]) for p in parts] if labelled else [-1] * len(lines), dtype=np.int64)
        if classes and labels.max() >= len(classes):
            raise ValueError(f"classes: {len(classes)} names, but {ann_file!r} has label {labels.max()}")
        super().__init__(root, paths, labels, classes, transforms, channels)


def find_images(root: str, channels: int = 3, extensions: Sequence[str] | None = None) -> PathList:
    """Relative paths of the images below ``root``; both failures raise ``FileNotFoundError`` and name the fix."""
    if extensions is None:
        extensions = IMAGE_EXTENSIONS if channels in PIL_MODES else (".npy",)
    if not os.path.isdir(root):
        kind = "is a file, not a folder" if os.path.exists(root) else "does not exist"
        raise FileNotFoundError(
            f"root: image folder {root!r} {kind} (looked from {os.getcwd()!r}); give an existing one with --data DIR "
            "or set dataset.root"
        )
    paths = list_images(root, extensions)
    if not len(paths):
        raise FileNotFoundError(
            f"root: no image below {os.path.abspath(root)!r}; looked for {', '.join(extensions)} at any depth; "
            "point to the folder that holds the images, or set dataset.extensions"
        )
    return paths


def class_folders(paths: PathList) -> list[str] | None:
    """Sorted names of the first-level folders, or None when some image lies in the root itself."""
    folders = {path.split(os.sep, 1)[0] if os.sep in path else "" for path in paths}
    return None if "" in folders else sorted(folders)


def _labels(
    root: str, paths: PathList, labelled: bool | None, classes: Sequence[str] | None
) -> tuple[np.ndarray, Sequence[str]]:
    folders = class_folders(paths)
    if labelled is None:
        labelled = classes is not None or (folders is not None and len(folders) > 1)
    if not labelled:
        return np.full(len(paths), -1), ()
    if folders is None:
        loose = next(path for path in paths if os.sep not in path)
        raise ValueError(
            f"labelled: images of {root!r} must lie in one folder per class, but {loose!r} lies in none; "
            "move it or set labelled=False"
        )
    classes = folders if classes is None else list(classes)
    unknown = sorted(set(folders) - set(classes))
    if unknown:
        raise ValueError(
            f"classes: {root!r} has {len(unknown)} folder(s) that are none of the {len(classes)} classes: "
            f"{unknown[:5]}; known are {list(classes)[:5]}..."
        )
    ids = {name: i for i, name in enumerate(classes)}
    return np.array([ids[path.split(os.sep, 1)[0]] for path in paths]), classes


def _subset(paths: PathList, labels: np.ndarray, subset: str, holdout: float) -> np.ndarray:
    one_of("subset", subset, ("train", "holdout"))
    if not 0 < holdout < 1:
        raise ValueError(f"holdout: expected a share between 0 and 1, got {holdout}")
    hashes = np.array(
        [int.from_bytes(hashlib.blake2b(os.fsencode(p), digest_size=8).digest(), "little") for p in paths], np.uint64
    )
    held = np.zeros(len(paths), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1:
            count = min(max(1, round(holdout * len(members))), len(members) - 1)
            held[members[np.argsort(hashes[members], kind="stable")[:count]]] = True
    keep = np.flatnonzero(held if subset == "holdout" else ~held)
    if not len(keep):
        raise ValueError(f"subset: {subset!r} of {len(paths)} image(s) is empty; give more images or val/ of their own")
    return keep
