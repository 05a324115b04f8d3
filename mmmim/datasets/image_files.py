"""The base class of datasets of encoded images, in files of their own or inside larger ones."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence

import numpy as np
from mmengine.logging import print_log
from torch import Tensor

from mmmim.errors import MissingFileError, UsageError

from .base import SeededImageDataset
from .decode import decode_bytes
from .file_listing import PathList
from .pixel_values import ValueRange, check_value_range
from .sources import ImageSource

NUM_CHECKED = 64  # how many files of a dataset are checked when it is built


class ImageFiles(SeededImageDataset):
    """The images of a source with ``labels``, -1 if unknown; ``classes`` are in the order of the labels.

    The constructor reads one file of each extension, so that pixels of an unknown range or another number of channels
    are an error before anything is trained.
    """

    def __init__(
        self,
        source: ImageSource,
        labels: np.ndarray,
        classes: Sequence[str],
        transforms: Sequence[dict | Callable],
        channels: int,
        value_range: ValueRange | None = None,
    ) -> None:
        check_value_range(value_range)
        if value_range is not None and source.is_8_bit:
            raise UsageError(
                f"value_range={value_range!r}: the pixels of {source.location!r} were converted to 8 bits when they "
                "were packed; leave value_range out"
            )
        super().__init__(len(source), transforms)
        self.source, self.labels = source, labels
        self.channels, self.value_range = channels, value_range
        self.classes = tuple(classes)
        self._check_kinds()
        self._remark_on_size(transforms)

    @property
    def metainfo(self) -> dict:
        """Return the names of the classes, as OpenMMLab's datasets do."""
        return dict(classes=self.classes)

    @property
    def paths(self) -> PathList:
        """Return the names of the images below the root."""
        return self.source.names

    def load(self, index: int) -> Tensor:
        content = self.source.read(index)
        return decode_bytes(content, self.name(index), self.channels, self.value_range, self.reduction)

    def probe(self, index: int) -> None:
        self.source.read(index)

    def label(self, index: int) -> int:
        return int(self.labels[index])

    def name(self, index: int) -> str:
        return self.source.name(index)

    def fingerprint(self) -> str | None:
        """Return a hash of labels, of how images are read, and of the files that hold them.

        It is None if the source does not tell, or if a subclass reads images in its own way.
        """
        files = self.source.stamp() if type(self).load is ImageFiles.load else None
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

    def _remark_on_size(self, transforms: Sequence[dict | Callable]) -> None:
        stored, wanted = self.source.short_side, max(map(_size, transforms), default=0)
        if stored is not None and wanted > stored:
            print_log(
                f"{self.source.location}: short sides were reduced to {stored} pixels, and {wanted} are trained on, so "
                f"that images are enlarged; pack them with --size {wanted} or more to avoid it",
                logger="current",
                level=logging.WARNING,
            )


def _size(transform: dict | Callable) -> int:
    """Return the longest side of what a transform makes; 0 where it does not say."""
    size = transform.get("size", 0) if isinstance(transform, dict) else 0
    return size if isinstance(size, int) else max(size, default=0)


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
