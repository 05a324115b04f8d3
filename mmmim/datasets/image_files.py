"""Labelled image files below a folder, the base of the readers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from torchvision import tv_tensors

from mmmim.errors import MissingFileError, UsageError

from .base import SeededImageDataset
from .decode import ValueRange, check_value_range, decode_image, image_extensions
from .file_listing import Listing, PathList, list_images

LOOKED_AT = 64  # files of a dataset that are looked at when it is built


class ImageFiles(SeededImageDataset):
    """Images ``paths`` below ``root`` with their ``labels``, -1 where unknown; ``classes`` are named in label order.

    When it is built, it reads one file of each extension, so that pixels of an unknown range or another number of
    channels are an error before anything is trained.
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
        return dict(classes=self.classes)

    def load(self, index: int) -> Image.Image | tv_tensors.Image:
        return decode_image(self.name(index), self.channels, self.value_range)

    def label(self, index: int) -> int:
        return int(self.labels[index])

    def name(self, index: int) -> str:
        return os.path.join(self.root, self.paths[index])

    def _check_kinds(self) -> None:
        kinds = {os.path.splitext(self.paths[index])[1].lower(): index for index in reversed(spread(len(self)))}
        for index in kinds.values():
            try:
                self.load(index)
            except UsageError:
                raise
            except Exception:  # a file that cannot be read is replaced by another one
                continue


def spread(length: int, count: int = LOOKED_AT) -> list[int]:
    """At most ``count`` indices below ``length``, evenly spaced, the first one among them."""
    return sorted({index * length // count for index in range(count)}) if length else []


def check_root(root: str) -> None:
    if not os.path.isdir(root):
        kind = "is a file, not a folder" if os.path.exists(root) else "does not exist"
        raise MissingFileError(
            f"root: image folder {root!r} {kind} (looked from {os.getcwd()!r}); give an existing one with --data DIR "
            "or set dataset.root"
        )


def find_images(root: str, channels: int = 3, extensions: Sequence[str] | None = None) -> Listing:
    """Images below ``root``; both failures raise ``FileNotFoundError`` and name the fix."""
    wanted = image_extensions(channels) if extensions is None else check_extensions(extensions)
    check_root(root)
    listing = list_images(root, wanted)
    if not len(listing.paths):
        there = f"there are {listing.describe_left_out()}; " if listing.left_out else ""
        example = f"[{next(iter(listing.left_out), '.jpg')}]".replace("(none)", ".jpg")
        raise MissingFileError(
            f"root: no image below {os.path.abspath(root)!r}; looked for {', '.join(wanted)} at any depth; {there}"
            "point to the folder that holds the images, or set dataset.extensions, also with --data: --cfg-options "
            f"'train_dataloader.dataset.extensions={example}'"
        )
    return listing


def check_extensions(extensions: Sequence[str]) -> tuple[str, ...]:
    """Lower-case extensions that start with a dot; one alone may be given as a string."""
    given = [extensions] if isinstance(extensions, str) else list(extensions)
    if not given or not all(isinstance(each, str) and each.strip(". ") for each in given):
        raise UsageError(f"extensions={extensions!r}: expected a list of file name endings, such as ['.jpg', '.avif']")
    return tuple("." + each.strip().lower().lstrip(".") for each in given)
