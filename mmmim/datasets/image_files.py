"""The base class of datasets of image files below a folder, and how the files are found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from torchvision import tv_tensors

from mmmim.errors import MissingFileError, UsageError

from .base import SeededImageDataset
from .decode import ValueRange, check_value_range, decode_image, image_extensions
from .file_listing import Listing, PathList, list_images
from .file_stamp import file_stamp
from .storage import read_file

NUM_CHECKED = 64  # how many files of a dataset are checked when it is built


class ImageFiles(SeededImageDataset):
    """The images ``paths`` below ``root`` with ``labels``, -1 if unknown; ``classes`` are in the order of the labels.

    The constructor reads one file of each extension, so that pixels of an unknown range or another number of channels
    are an error before anything is trained.
    """

    def __init__(
        self,
        root: str,
        paths: PathList,
        labels: np.ndarray,
        classes: Sequence[str],
        transforms: Sequence[dict | Callable],
        channels: int,
        value_range: ValueRange | None = None,
    ) -> None:
        check_value_range(value_range)
        super().__init__(len(paths), transforms)
        self.root, self.paths, self.labels = root, paths, labels
        self.channels, self.value_range = channels, value_range
        self.classes = tuple(classes)
        self._check_kinds()

    @property
    def metainfo(self) -> dict:
        """Return the names of the classes, as OpenMMLab's datasets do."""
        return dict(classes=self.classes)

    def load(self, index: int) -> Image.Image | tv_tensors.Image:
        return decode_image(self.name(index), self.channels, self.value_range)

    def probe(self, index: int) -> None:
        read_file(self.name(index))

    def label(self, index: int) -> int:
        return int(self.labels[index])

    def name(self, index: int) -> str:
        return os.path.join(self.root, self.paths[index])

    def fingerprint(self) -> str | None:
        """Return a hash of labels, of how files are read, and of each file's path, size and times of change.

        It is None if a file is missing, or if a subclass reads files in its own way.
        """
        files = file_stamp(map(self.name, range(len(self)))) if type(self).load is ImageFiles.load else None
        if files is None:
            return None
        how = (files, self.channels, self.value_range, self.classes)
        digest = hashlib.sha256(repr(how).encode())
        digest.update(np.ascontiguousarray(self.labels, dtype=np.int64).data)
        return digest.hexdigest()

    def _check_kinds(self) -> None:
        kinds = {os.path.splitext(self.paths[index])[1].lower(): index for index in reversed(evenly_spaced(len(self)))}
        for index in kinds.values():
            try:
                self.load(index)
            except UsageError:
                raise
            except Exception:  # a file that cannot be read is replaced by another one
                continue


def evenly_spaced(length: int, count: int = NUM_CHECKED) -> list[int]:
    """Return at most ``count`` evenly spaced indices below ``length``, among them 0."""
    return sorted({index * length // count for index in range(count)}) if length else []


def check_root(root: str) -> None:
    """Raise a MissingFileError if ``root`` is not an existing folder."""
    if not os.path.isdir(root):
        kind = "is a file, not a folder" if os.path.exists(root) else "does not exist"
        raise MissingFileError(
            f"root: image folder {root!r} {kind} (looked from {os.getcwd()!r}); give an existing one with --data DIR "
            "or set dataset.root"
        )


def find_images(root: str, channels: int = 3, extensions: Sequence[str] | None = None) -> Listing:
    """Return the images below ``root``, or raise a MissingFileError that names the fix if there is none."""
    wanted = image_extensions(channels) if extensions is None else check_extensions(extensions)
    check_root(root)
    listing = list_images(root, wanted)
    if not len(listing.paths):
        there = f"there are {listing.describe_left_out()}; " if listing.left_out else ""
        example = f"[{next((each for each in listing.left_out if each.startswith('.')), '.jpg')}]"
        raise MissingFileError(
            f"root: no image below {os.path.abspath(root)!r}; looked for {', '.join(wanted)} at any depth; {there}"
            "point to the folder that holds the images, or set dataset.extensions, also with --data: --cfg-options "
            f"'train_dataloader.dataset.extensions={example}'"
        )
    return listing


def check_extensions(extensions: Sequence[str]) -> tuple[str, ...]:
    """Return extensions in lower case with a leading dot; a single one may be given as a string."""
    given = [extensions] if isinstance(extensions, str) else list(extensions)
    if not given or not all(isinstance(each, str) and each.strip(". ") for each in given):
        raise UsageError(f"extensions={extensions!r}: expected a list of file name endings, such as ['.jpg', '.avif']")
    return tuple("." + each.strip().lower().lstrip(".") for each in given)
