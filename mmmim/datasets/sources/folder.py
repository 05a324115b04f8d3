from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmmim.datasets.file_listing import PathList

from .files import SeparateFiles
from .naming import first_folders

if TYPE_CHECKING:
    from typing import Self


class FolderSource(SeparateFiles):
    """A folder of image files."""

    def __init__(self, location: str, names: PathList, left_out: Mapping[str, int] | None = None) -> None:
        super().__init__(location, names, None, left_out)

    def find(self, paths: PathList) -> Self:
        part = self.take(np.empty(0, np.int64))
        part.names = paths
        return part

    def empty_folders(self) -> list[str]:
        _, below, _ = next(os.walk(self.location))
        folders = {name for name in below if not name.startswith(".")}
        return sorted(folders - set(first_folders(self.names) or folders))
