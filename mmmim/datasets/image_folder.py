from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
from mmengine.logging import print_log

from mmmim.errors import UsageError
from mmmim.registry import DATASETS

from .file_listing import PathList
from .image_files import ImageFiles, find_images
from .pixel_values import ValueRange
from .subsets import holdout_part, listed_part, low_shot_part


@DATASETS.register_module()
class ImageFolder(ImageFiles):
    """All images below a folder, at any depth.

    If it is labelled, the folders directly below ``root`` are the classes, in sorted order; otherwise every label is
    -1.

    Args:
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
        listing = find_images(root, channels, extensions)
        everything = paths = listing.paths
        if listing.left_out:
            print_log(
                f"{root}: {len(paths):,} images; left out: {listing.describe_left_out()}; "
                "dataset.extensions says which extensions are read",
                logger="current",
            )
        if labelled and classes is None:
            check_folders(root, paths)
        labels, classes = _labels(root, paths, labelled, classes)

        def reduce(ids: np.ndarray) -> tuple[PathList, np.ndarray]:
            return paths.take(ids), labels[ids]

        if subset is not None:
            paths, labels = reduce(holdout_part(paths, labels, subset, holdout))
        if list_file is not None:
            paths, labels = reduce(listed_part(paths, list_file, everything))
        if keep is not None:
            paths, labels = reduce(low_shot_part(paths, labels, keep, keep_seed))
        super().__init__(root, paths, labels, classes, transforms, channels, value_range)


def class_folders(paths: PathList) -> list[str] | None:
    """Return the sorted names of the first-level folders, or None if an image is in the root itself."""
    folders = {path.split(os.sep, 1)[0] if os.sep in path else "" for path in paths}
    return None if "" in folders else sorted(folders)


def check_folders(root: str, paths: PathList) -> None:
    """Refuse class folders without images, which would either shift the labels of other classes or be ignored."""
    with os.scandir(root) as entries:
        folders = {entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")}
    if empty := sorted(folders - set(class_folders(paths) or folders)):
        more = f" and {len(empty) - 10} more" if len(empty) > 10 else ""
        raise UsageError(
            f"root: {len(empty)} of {len(folders)} class folders of {root!r} hold no image: {', '.join(empty[:10])}"
            f"{more}; add their images, remove them, or fix the classes with dataset.classes"
        )


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
        raise UsageError(
            f"labelled: images of {root!r} must lie in one folder per class, but {loose!r} lies in none; "
            "move it or set labelled=False"
        )
    classes = folders if classes is None else list(classes)
    unknown = sorted(set(folders) - set(classes))
    if unknown:
        raise UsageError(
            f"classes: {root!r} has {len(unknown)} folder(s) that are none of the {len(classes)} classes: "
            f"{unknown[:5]}; known are {list(classes)[:5]}..."
        )
    ids = {name: i for i, name in enumerate(classes)}
    return np.array([ids[path.split(os.sep, 1)[0]] for path in paths]), classes
