from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from mmmim.datasets.file_listing import PathList
from mmmim.datasets.text_files import path_and_label, read_lines
from mmmim.errors import MissingFileError, UsageError

from .files import SeparateFiles

if TYPE_CHECKING:
    from typing import Self

LIST_ENDINGS = (".txt", ".csv", ".tsv", ".lst", ".list")


class ListedFiles(SeparateFiles):
    """The image files that a text file names; where they have labels, a folder of the label comes before the names."""

    def __init__(self, location: str, root: str, paths: PathList, names: PathList, classes: list[str] | None) -> None:
        super().__init__(location, names, classes)
        self.root, self.listed = root, paths

    def name(self, index: int) -> str:
        return os.path.join(self.root, self.listed[index])

    def take(self, ids: np.ndarray) -> Self:
        part = super().take(ids)
        part.listed = self.listed.take(ids)
        return part

    def find(self, paths: PathList) -> Self:
        raise UsageError(
            f"root: {self.location!r} is a list; give the folder of its images in which others are looked up"
        )


def open_list(location: str, root: str | None = None) -> ListedFiles:
    """Return the images that a text file names, one ``path`` or ``path label`` per line; ``ImageList`` says how.

    Args:
        root: Folder that the paths start from; by default that of the list.

    Raises:
        UsageError: A line is wrong, a label is -1, an image is named twice, or no file is there.
    """
    parts = [path_and_label(line) for _, line in read_lines(location, "LIST")]
    labels = [label for _, label in parts]
    known = [label for label in labels if label is not None]
    if known and (len(known) < len(labels) or min(known) < 0):
        raise UsageError(f"LIST: {location!r} has labels from 0 on in some lines only; give all lines one, or none")
    classes = [str(label) for label in sorted(set(known))] if known else None
    rows = sorted((_inside(path) if label is None else f"{label}/{_inside(path)}", path) for path, label in parts)
    if twice := [name for name, count in Counter(name for name, _ in rows).items() if count > 1]:
        raise UsageError(
            f"LIST: {location!r} names {len(twice)} images several times, e.g. {twice[0]!r}; name each once"
        )
    root = os.path.dirname(location) if root is None else root
    source = ListedFiles(location, root, PathList.of(p for _, p in rows), PathList.of(n for n, _ in rows), classes)
    if not any(source.has(index) for index in range(len(source))):
        raise MissingFileError(
            f"LIST: none of the {len(source):,} images that {location!r} names exists, e.g. {source.name(0)!r}; "
            "give the folder that its paths start from with --root"
        )
    return source


def _inside(path: str) -> str:
    """Return a path without the parts that lead out of a folder."""
    return "/".join(part for part in path.split("/") if part not in ("", ".", ".."))
