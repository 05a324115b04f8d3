from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

from other_containers import (
    add_to_tar,
    as_cls,
    write_webdataset,
)
from PIL import Image

from mmmim.datasets import ImageFolder
from mmmim.datasets.sources import open_source


def test_labels_of_some_images_only_are_not_used(class_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    told: list[str] = []
    monkeypatch.setattr("mmmim.datasets.sources.tars.print_log", lambda text, *_, **__: told.append(text))
    for_two = lambda label, name: None if label == 2 else as_cls(label, name)  # noqa: E731
    write_webdataset(class_folder, f"{tmp_path}/tars/{{}}.tar", label_file=for_two)
    assert ImageFolder(f"{tmp_path}/tars").classes == ()
    assert told == [f"{tmp_path}/tars: 12 of 36 images have no label, so the labels are not used"]


def test_equal_keys_in_several_shards_stay_apart(class_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tars").mkdir()
    for shard in ("a", "b"):
        with tarfile.open(tmp_path / "tars" / f"{shard}.tar", "w") as archive:
            for i in range(3):
                add_to_tar(archive, f"{i}.png", (class_folder / "ant" / f"{i:02}.png").read_bytes())
    assert list(open_source(f"{tmp_path}/tars").names) == [
        "a/0.png",
        "a/1.png",
        "a/2.png",
        "b/0.png",
        "b/1.png",
        "b/2.png",
    ]


def test_a_grey_image_of_a_tar_is_read_in_colour(tmp_path: Path) -> None:
    Image.new("L", (8, 6), 7).save(tmp_path / "a.png")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "a.png", "x/a.png")
    assert ImageFolder(str(tmp_path / "a.tar"))[0]["inputs"].shape == (3, 6, 8)
