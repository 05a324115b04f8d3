from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmmim.datasets.file_listing import PathList
from mmmim.datasets.file_stamp import file_stamp

from .base import DamagedEntry, ImageSource
from .index import Index
from .open_files import OpenFiles

if TYPE_CHECKING:
    from typing import Self

STORED, DEFLATED = 0, 8  # methods of ZIP files


class StoredImages(ImageSource):
    """Images inside larger files, in the order of an index; a subclass reads one from what the index says of it.

    Args:
        folder: Where the files of the index lie.
    """

    columns: Mapping[str, np.ndarray]
    files: OpenFiles

    def __init__(self, location: str, index: Index, folder: str) -> None:
        super().__init__(location, index.names, index.classes, index.left_out)
        self.columns, self.file_names = index.columns, index.files
        self.opened = OpenFiles([os.path.join(folder, name) for name in index.files])
        self._absent: np.ndarray | None = None

    def row(self, index: int, *columns: str) -> tuple[int, ...]:
        """Return what the index says of an image."""
        if not self.has(index):
            raise DamagedEntry(f"{self.location} has no image of this name")
        return tuple(int(self.columns[name][index]) for name in columns)

    def has(self, index: int) -> bool:
        return self._absent is None or not self._absent[index]

    def stamp(self) -> str | None:
        files = file_stamp(self.opened.paths)
        if files is None:
            return None
        digest = hashlib.sha256(files.encode())
        for values in (self.names.text, self.names.ends, *(self.columns[name] for name in sorted(self.columns))):
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()

    def take(self, ids: np.ndarray) -> Self:
        part = super().take(ids)
        part.columns = {name: column[ids] for name, column in self.columns.items()}
        part._absent = None if self._absent is None else self._absent[ids]
        return part

    def find(self, paths: PathList) -> Self:
        places = {name: index for index, name in enumerate(self.names)}
        ids = np.array([places.get(os.path.normpath(path), -1) for path in paths], np.int64)
        part = self.take(ids)
        part.names, part._absent = paths, ids < 0
        return part


class ByteRanges(StoredImages):
    """Images that are byte ranges of files: in a pack, and in ZIP, tar and Arrow files.

    The columns of the index are ``file``, ``offset`` and ``length``; perhaps ``crc``, the CRC-32 of the image, and
    ``method``, which is :data:`STORED` or :data:`DEFLATED`.

    Args:
        folder: Where the files of the index lie.
        check: Whether the CRC is compared whenever an image is read.
    """

    def __init__(self, location: str, index: Index, folder: str, check: bool = True) -> None:
        super().__init__(location, index, folder)
        self.check = check and "crc" in index.columns

    def read(self, index: int) -> bytes:
        file, offset, length = self.row(index, "file", "offset", "length")
        content = self.opened.read(file, offset, length)
        if "method" in self.columns and self.columns["method"][index] == DEFLATED:
            try:
                content = zlib.decompress(content, -zlib.MAX_WBITS)
            except zlib.error as error:
                raise DamagedEntry(f"{self.opened.paths[file]}: {error}") from None
        if self.check and zlib.crc32(content) != self.columns["crc"][index]:
            raise DamagedEntry(f"the checksum fails: its {length:,} bytes in {self.opened.paths[file]} were changed")
        return content
