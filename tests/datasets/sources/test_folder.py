from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmmim.datasets.file_listing import PathList
from mmmim.datasets.sources import open_source
from mmmim.datasets.sources.folder import FolderSource


@pytest.fixture
def source(class_folder: Path) -> FolderSource:
    opened = open_source(str(class_folder))
    assert isinstance(opened, FolderSource)
    return opened


def test_images_are_read_from_their_files(source: FolderSource, class_folder: Path) -> None:
    assert len(source) == 36 and source.has(13) and source.name(13) == str(class_folder / "bee/01.png")
    assert source.read(13) == (class_folder / "bee/01.png").read_bytes()
    (class_folder / "bee/01.png").unlink()
    assert not source.has(13) and source.stamp() is None


def test_a_part_keeps_the_order_of_its_numbers(source: FolderSource) -> None:
    part = source.take(np.array([30, 2]))
    assert list(part.names) == ["cat/06.png", "ant/02.png"] and len(source) == 36


def test_paths_are_looked_up_below_the_folder(source: FolderSource) -> None:
    found = source.find(PathList.of(["cat/00.png", "no/where.png"]))
    assert [found.has(0), found.has(1)] == [True, False] and found.read(0) == source.read(24)


def test_folders_without_images_are_named_where_there_are_classes(source: FolderSource, class_folder: Path) -> None:
    for name in ("empty", ".hidden"):
        (class_folder / name).mkdir()
    assert source.empty_folders() == ["empty"]
    (class_folder / "loose.png").write_bytes(source.read(0))
    assert open_source(str(class_folder)).empty_folders() == []
