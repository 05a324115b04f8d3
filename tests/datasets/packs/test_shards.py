from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from small_packs import pack

from mmmim.datasets import ImageFolder
from mmmim.datasets.packs import shards
from mmmim.errors import RunFailed


def test_any_name_is_packed(tmp_path: Path, picture: Any) -> None:
    strange = ["a/ü ß.png", "a/line\nbreak.png", os.fsdecode(b"a/\xff.png"), "a/x.png", "a/x.png.jpg", "a/" + "y" * 200]
    for number, name in enumerate(strange):
        picture(tmp_path / "images" / f"{name}.png", 40 * number, (40, 30))
    pack(tmp_path / "images", tmp_path / "pack", size=20)
    data = ImageFolder(f"{tmp_path}/pack")
    assert {round(int(data[i]["inputs"][0, 0, 0]), -1) for i in range(6)} == {0, 40, 80, 120, 160, 200}
    assert {"a/ü ß.png.png", "a/line\\x0abreak.png.png", "a/\\xff.png.png"} < set(data.paths)


def test_entries_that_would_get_the_same_name(tmp_path: Path, picture: Any) -> None:
    for number, name in enumerate(["x.png", "x.png.jpg", "x.png.jpg.jpg"]):
        picture(tmp_path / "images" / name, 100 * number, (40, 30))
    pack(tmp_path / "images", tmp_path / "pack", size=20)
    data = ImageFolder(f"{tmp_path}/pack")
    assert list(data.paths) == ["x.png", "x.png.jpg", "x.png.jpg.jpg"]
    assert [int(data[i]["inputs"][0, 0, 0]) for i in range(3)] == [0, 100, 200]


def test_what_is_read_back_is_compared(class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "find_damage", lambda path: "the checksum of ant/00.png fails")
    with pytest.raises(RunFailed, match=r"shard-00000\.zip: what was written is not what is read back"):
        pack(class_folder, tmp_path / "pack")
    assert not (tmp_path / "pack" / "shard-00000.zip").exists()
