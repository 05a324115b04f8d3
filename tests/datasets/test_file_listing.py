from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from mmmim.datasets import ImageFolder, file_listing
from mmmim.datasets.file_listing import PathList, list_images


def test_hidden_and_other_files_are_left_out(tmp_path, picture):
    picture(tmp_path / "1.png")
    picture(tmp_path / ".thumbnails" / "1.png")
    picture(tmp_path / ".2.png")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    assert list(list_images(tmp_path, (".png",)).paths) == ["1.png"]


def test_path_list_keeps_any_name():
    names = ["a", "", os.fsdecode("ü/ß.png".encode()), os.fsdecode(b"\xff.png"), "x" * 300]
    paths = PathList.of(names)
    assert list(paths) == names and paths[-1] == names[-1] and paths[1:3] == names[1:3]
    with pytest.raises(IndexError):
        paths[5]


def test_links_to_a_parent_folder_end(tmp_path, picture):
    picture(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert len(list_images(tmp_path, (".png",)).paths) == 1


@pytest.fixture
def small_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("MMMIM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(file_listing, "MIN_CACHED_FILES", 1)
    return tmp_path / "cache" / "mmmim"


def _age(folder):
    for path, _, _ in os.walk(folder):
        os.utime(path, ns=(10**18, 10**18))


def test_listing_of_a_large_folder_is_cached_until_it_changes(class_folder, small_cache, picture, monkeypatch):
    _age(class_folder)
    first = list(list_images(class_folder, (".png",)).paths)
    assert len(list(small_cache.iterdir())) == 1
    with monkeypatch.context() as patch:
        patch.setattr(file_listing, "_scan", lambda *_: pytest.fail("scanned again"))
        assert list(list_images(class_folder, (".png",)).paths) == first
    picture(class_folder / "bee" / "new.png")
    assert len(list_images(class_folder, (".png",)).paths) == len(first) + 1


def test_folder_that_may_still_change_is_not_cached(class_folder, small_cache):
    list_images(class_folder, (".png",))
    assert not small_cache.exists()


def test_damaged_cache_is_ignored(class_folder, small_cache):
    _age(class_folder)
    first = list(list_images(class_folder, (".png",)).paths)
    next(small_cache.iterdir()).write_bytes(b"PK\x03\x04 not a zip")
    assert list(list_images(class_folder, (".png",)).paths) == first


def test_pipes_devices_sockets_and_loops_are_left_out_and_named(strange: Path) -> None:
    listing = list_images(strange, (".png", ".jpg"))
    assert len(listing.paths) == 12
    told = listing.describe_left_out()
    for expected in (
        "1 pipe (class0/pipe.jpg)",
        "1 link loop (class0/loop.jpg)",
        "1 link loop (loop.jpg)",
        "1 link to nothing (class0/nothing.jpg)",
        "1 device (class0/device.jpg)",
        "1 socket (socket.jpg)",
    ):
        assert expected in told
    assert len(ImageFolder(str(strange))) == 12


def test_a_folder_that_may_not_be_read_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuses(path: Any) -> Any:
        if str(path).endswith("class1"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuses)
    listing = list_images(folder, (".png",))
    assert len(listing.paths) == 6 and "1 folder without permission to read (class1)" in listing.describe_left_out()
