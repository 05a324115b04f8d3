from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from mmengine.logging import print_log

from mmmim.errors import UsageError
from mmmim.registry import DATASETS

from .file_listing import describe_left_out
from .image_files import ImageFiles
from .pixel_values import ValueRange
from .sources import ImageSource, first_folders, open_source
from .subsets import holdout_part, listed_part, low_shot_part


@DATASETS.register_module()
class ImageFolder(ImageFiles):
    """All images below a folder, at any depth, or in a pack, ZIP, tar, Arrow or Parquet files.

    If it is labelled, the folders directly below ``root`` are the classes, in sorted order; otherwise every label is
    -1. Tables and WebDataset tars state their labels, and perhaps the order of the classes.

    Args:
        root: A folder of images, or whatever :func:`~.sources.open_source` opens.
        labelled: Whether there are labels. By default they are used if images are in two or more folders and none is in
            ``root`` itself.
        classes: Class names in the order of their labels. Every folder must be one of them, but folders may be missing.
            Give the training set's classes to the validation set.
        subset: ``'train'`` or ``'holdout'``, which divide each class of a folder in two by a hash of the file names.
        holdout: Share of the held-out part; at least one image of each class that has two.
        keep: Share of each class to use for low-shot learning, at least one image; 0.01 and 0.1 are usual.
        keep_seed: Seed of the choice of these images.
        list_file: Use only the images that this text file names, one per line, by path below ``root`` or file name,
            such as SimCLR's ``1percent.txt`` and ``10percent.txt`` of ImageNet. It is applied before ``keep`` and after
            ``subset``.
        channels: 1, 3 or 4, or any number for ``.npy`` and TIFF files.
        extensions: Extensions of the images; by default all that ``decode_image`` reads. The log counts the files that
            are left out.
        value_range: Values ``(low, high)`` that become 0 and 255, or one such pair per channel; see ``decode_image``.

    Raises:
        MissingFileError: There is no such folder, or no image in it.
        UsageError: The labels do not fit the folder, or with ``labelled=True`` and no ``classes`` the folder of a class
            is empty; the message says how.
    """

    def __init__(
        self,
        root: str,
        transforms: Sequence[dict | Callable] = (),
        labelled: bool | None = None,
        classes: Sequence[str] | None = None,
        subset: str | None = None,
        holdout: float = 0.1,
        keep: float | None = None,
        keep_seed: int = 0,
        list_file: str | None = None,
        channels: int = 3,
        extensions: Sequence[str] | None = None,
        value_range: ValueRange | None = None,
    ) -> None:
        source = open_source(root, channels, extensions)
        everything = source.names
        if source.left_out:
            print_log(
                f"{root}: {len(source):,} images; left out: {describe_left_out(source.left_out)}; "
                "dataset.extensions says which extensions are read",
                logger="current",
            )
        if labelled and classes is None:
            check_folders(source)
        labels, classes = _labels(source, labelled, classes)

        def reduce(ids: np.ndarray) -> tuple[ImageSource, np.ndarray]:
            return source.take(ids), labels[ids]

        if subset is not None:
            source, labels = reduce(holdout_part(source.names, labels, subset, holdout))
        if list_file is not None:
            source, labels = reduce(listed_part(source.names, list_file, everything))
        if keep is not None:
            source, labels = reduce(low_shot_part(source.names, labels, keep, keep_seed))
        super().__init__(source, labels, classes, transforms, channels, value_range)


def class_folders(source: ImageSource) -> list[str] | None:
    """Return the classes in the order of their labels, or None if an image is in no folder.

    They are the sorted first folders, unless the source states others.
    """
    folders = first_folders(source.names)
    if folders is not None and source.classes is not None and set(folders) <= set(source.classes):
        return list(source.classes)
    return folders


def check_folders(source: ImageSource) -> None:
    """Refuse class folders without images, which would either shift the labels of other classes or be ignored."""
    if empty := source.empty_folders():
        more = f" and {len(empty) - 10} more" if len(empty) > 10 else ""
        raise UsageError(
            f"root: {len(empty)} of {len(empty) + len(class_folders(source) or ())} class folders of "
            f"{source.location!r} hold no image: {', '.join(empty[:10])}{more}; add their images, remove them, or fix "
            "the classes with dataset.classes"
        )


def _labels(
    source: ImageSource, labelled: bool | None, classes: Sequence[str] | None
) -> tuple[np.ndarray, Sequence[str]]:
    known = class_folders(source)
    if labelled is None:
        labelled = classes is not None or (known is not None and len(known) > 1)
    if not labelled:
        return np.full(len(source), -1), ()
    if known is None:
        loose = next(path for path in source.names if "/" not in path)
        raise UsageError(
            f"labelled: images of {source.location!r} must lie in one folder per class, but {loose!r} lies in none; "
            "move it or set labelled=False"
        )
    classes = known if classes is None else list(classes)
    ids = {name: i for i, name in enumerate(classes)}
    folders = [path.split("/", 1)[0] for path in source.names]
    if unknown := sorted(set(folders) - set(ids)):
        raise UsageError(
            f"classes: {source.location!r} has {len(unknown)} folder(s) that are none of the {len(classes)} classes: "
            f"{unknown[:5]}; known are {list(classes)[:5]}..."
        )
    return np.array([ids[folder] for folder in folders]), classes
