from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmmim.datasets.file_stamp import file_stamp


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    return [tmp_path / "a", tmp_path / "b"]


def test_the_same_files_have_the_same_stamp_by_any_way_to_them(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    stamp = file_stamp(files)
    assert stamp is not None and stamp == file_stamp(map(str, files)) == file_stamp(
        tmp_path / "link" / f.name for f in files
    )


def test_order_number_and_names_count(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "c").symlink_to(tmp_path / "b")
    assert (
        len({file_stamp(files), file_stamp(files[::-1]), file_stamp(files[:1]), file_stamp([files[0], tmp_path / "c"])})
        == 4
    )


def test_a_replaced_file_of_the_same_size_and_date_is_another(files: list[Path], tmp_path: Path) -> None:
    before, found = file_stamp(files), files[1].stat()
    (tmp_path / "new").write_text("x", encoding="utf-8")
    os.utime(tmp_path / "new", ns=(found.st_atime_ns, found.st_mtime_ns))
    (tmp_path / "new").replace(files[1])
    assert file_stamp(files) != before


def test_a_missing_file_has_none(files: list[Path]) -> None:
    files[0].unlink()
    assert file_stamp(files) is None
