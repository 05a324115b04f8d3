from __future__ import annotations

import os

from mmmim.datasets.file_stamp import file_stamp
from mmmim.datasets.storage import read_file

from .base import ImageSource


class SeparateFiles(ImageSource):
    """A base of sources whose images are files of their own; ``name`` is the path of the file."""

    def read(self, index: int) -> bytes:
        return read_file(self.name(index))

    def has(self, index: int) -> bool:
        return os.path.exists(self.name(index))

    def stamp(self) -> str | None:
        return file_stamp(map(self.name, range(len(self))))
