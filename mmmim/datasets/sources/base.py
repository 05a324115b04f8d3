"""The contract of everything that images are read from."""

from __future__ import annotations

import copy
import os
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmmim.datasets.file_listing import PathList

if TYPE_CHECKING:
    from typing import Self


class DamagedEntry(ValueError):
    """The stored bytes of one image are not those that were written; other images may be good."""


class ImageSource(ABC):
    """A place that images come from: their names in sorted order, and the bytes of each.

    A source looks like a folder of files. Names are paths below ``location``, and their first folders are the classes.
    It does not change, and reading keeps no position, so that worker processes may share it.

    Attributes:
        location: What the user gave; a part of a source has the name of its folder added.
        names: The sorted paths below ``location``.
        classes: The names of the classes in the order of their labels, where the source states one.
        left_out: Numbers of other files by kind, for the log.
        short_side: Length in pixels to which the short sides were reduced, if they were.
        is_8_bit: Whether pixels were converted to 8 bits before, so that no value range applies.
    """

    location: str
    names: PathList
    classes: tuple[str, ...] | None
    left_out: Mapping[str, int]
    short_side: int | None = None
    is_8_bit: bool = False

    def __init__(
        self,
        location: str,
        names: PathList,
        classes: Sequence[str] | None = None,
        left_out: Mapping[str, int] | None = None,
    ) -> None:
        self.location, self.names = location, names
        self.classes = None if classes is None else tuple(classes)
        self.left_out = left_out or {}

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        """Return the whole name of an image for messages."""
        return os.path.join(self.location, self.names[index])

    @abstractmethod
    def read(self, index: int) -> bytes:
        """Return the encoded image.

        Raises:
            OSError: The storage gave an error.
            DamagedEntry: The bytes are not those that were written.
        """

    @abstractmethod
    def find(self, paths: PathList) -> Self:
        """Return the images of the given names, in their order; names that do not exist fail when they are read."""

    @abstractmethod
    def has(self, index: int) -> bool:
        """Return whether the image of a name that was given to ``find`` exists."""

    def stamp(self) -> str | None:
        """Return a hash that changes when an image does, or None if that is not known or a file is missing."""
        return None

    def empty_folders(self) -> list[str]:
        """Return the first folders that hold no image, in sorted order."""
        return []

    def take(self, ids: np.ndarray) -> Self:
        """Return the images at the indices ``ids``."""
        part = copy.copy(self)
        part.names = self.names.take(ids)
        return part

    def below(self, folder: str) -> Self:
        """Return the images whose names begin with ``folder``, named from there on."""
        prefix = folder.rstrip("/") + "/"
        begin = bisect_left(self.names, prefix)
        end = bisect_left(self.names, prefix[:-1] + chr(ord("/") + 1), begin)
        part = self.take(np.arange(begin, end))
        part.names = PathList.of(name[len(prefix) :] for name in part.names)
        part.location = os.path.join(self.location, folder.rstrip("/"))
        return part

    def with_extensions(self, extensions: tuple[str, ...]) -> Self:
        """Return the images whose names end with one of ``extensions``, which are in lower case."""
        keep = [index for index, name in enumerate(self.names) if name.lower().endswith(extensions)]
        return self if len(keep) == len(self) else self.take(np.array(keep, np.int64))

    def has_folder(self, folder: str) -> bool:
        """Return whether there are images below ``folder``."""
        position = bisect_left(self.names, folder + "/")
        return position < len(self) and self.names[position].startswith(folder + "/")
