from __future__ import annotations

import numpy as np
import pytest

from mmmim.datasets.file_listing import PathList
from mmmim.datasets.sources.base import ImageSource


class Words(ImageSource):
    """A source whose images are their own names."""

    def read(self, index: int) -> bytes:
        return self.names[index].encode()

    def has(self, index: int) -> bool:
        return True

    def find(self, paths: PathList) -> Words:
        part = self.take(np.arange(len(paths)))
        part.names = paths
        return part


NAMES = ["a/1.png", "a/b/2.JPG", "a-b/3.png", "b/4.png", "c.png"]


@pytest.fixture
def source() -> Words:
    return Words("root", PathList.of(sorted(NAMES)), ["one", "two"])


def test_a_part_below_a_folder_is_named_from_there_on(source: Words) -> None:
    part = source.below("a/")
    assert list(part.names) == ["1.png", "b/2.JPG"] and part.location == "root/a" and part.name(0) == "root/a/1.png"
    assert list(part.below("b").names) == ["2.JPG"] and len(source) == 5 and len(source.below("nothing")) == 0


def test_a_folder_is_not_the_beginning_of_a_word(source: Words) -> None:
    assert [source.has_folder(name) for name in ("a", "a-b", "a-", "b", "c", "d")] == [
        True,
        True,
        False,
        True,
        False,
        False,
    ]


def test_endings_are_compared_in_lower_case(source: Words) -> None:
    assert list(source.with_extensions((".jpg",)).names) == ["a/b/2.JPG"]
    assert source.with_extensions((".jpg", ".png")) is source


def test_what_a_source_does_not_know_is_none(source: Words) -> None:
    assert source.stamp() is None and source.empty_folders() == [] and source.left_out == {}
    assert source.short_side is None and not source.is_8_bit and source.classes == ("one", "two")
    assert Words("root", PathList.of([])).classes is None
