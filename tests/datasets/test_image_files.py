from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmmim.datasets import ImageFolder
from mmmim.datasets.image_files import ImageFiles, check_root, evenly_spaced
from mmmim.datasets.sources import open_source
from mmmim.errors import MissingFileError, UsageError


def built(root: Path, transforms: tuple[dict, ...] = (), **facts: Any) -> ImageFiles:
    source = open_source(str(root))
    for name, value in facts.items():
        setattr(source, name, value)
    return ImageFiles(source, np.zeros(len(source)), ["thing"], transforms, 3)


def test_one_file_of_each_extension_is_read_before_anything_is_trained(picture: Any, tmp_path: Path) -> None:
    for number in range(100):
        picture(tmp_path / f"{number:03}.png")
    np.save(tmp_path / "000.npy", np.full((4, 4, 3), 1000, np.float32))
    with pytest.raises(UsageError, match=r"000\.npy"):
        built(tmp_path)


def test_a_file_that_cannot_be_read_is_left_to_the_reading(picture: Any, tmp_path: Path) -> None:
    picture(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    assert len(built(tmp_path)) == 2


def test_training_on_more_pixels_than_were_stored_is_remarked_on(
    class_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("mmmim.datasets.image_files.print_log", lambda text, **_: told.append(text))
    built(class_folder, (dict(type="RandomResizedCrop", size=[16, 12]),), short_side=16)
    assert told == []
    built(class_folder, (dict(type="RandomResizedCrop", size=[16, 24]),), short_side=16)
    assert len(told) == 1 and "reduced to 16 pixels, and 24 are trained on" in told[0] and "--size 24" in told[0]


def test_fingerprints_follow_labels_and_the_way_of_reading(class_folder: Path) -> None:
    class Own(ImageFolder):
        def load(self, index: int) -> Any:
            return super().load(index)

    plain = ImageFolder(str(class_folder))
    assert plain.fingerprint() == ImageFolder(str(class_folder)).fingerprint() is not None
    assert plain.fingerprint() != ImageFolder(str(class_folder), channels=1).fingerprint()
    assert plain.fingerprint() != ImageFolder(str(class_folder), classes=["ant", "cat", "bee"]).fingerprint()
    assert Own(str(class_folder)).fingerprint() is None


def test_indices_are_spread_over_the_whole() -> None:
    assert evenly_spaced(0) == [] and evenly_spaced(3) == [0, 1, 2]
    assert evenly_spaced(1000, 4) == [0, 250, 500, 750]


def test_what_is_no_folder_is_named(tmp_path: Path) -> None:
    check_root(str(tmp_path))
    (tmp_path / "file").touch()
    for name, told in (
        ("file", "is a file, not a folder"),
        ("nothing", "does not exist"),
    ):
        with pytest.raises(MissingFileError, match=rf"{name}' {told} .*--data DIR"):
            check_root(str(tmp_path / name))
