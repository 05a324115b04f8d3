from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from noise_pictures import write_pictures
from other_containers import as_word, save_to_disk, table_of, write_webdataset, write_zip
from PIL import Image
from small_packs import pack

from mmmim.datasets.survey import Survey, survey
from mmmim.errors import MissingFileError


def look(folder: Path, max_images: int = 0, workers: int = 0) -> Survey:
    def passing(steps: Iterable[Any], total: int) -> Iterator[Any]:
        yield from steps

    return survey(str(folder), max_images, workers, passing)


@pytest.fixture
def split(tmp_path: Path) -> Path:
    for label, name in enumerate(("ant", "bee")):
        write_pictures(tmp_path / "data/train" / name, 6, 10 * label)
        write_pictures(tmp_path / "data/val" / name, 2, 100 + 10 * label)
    return tmp_path / "data"


def test_parts_and_classes(split: Path) -> None:
    found = look(split)
    assert found.val is not None
    assert (len(found.train), len(found.val), found.short_side()) == (12, 4, 32)
    assert found.train.counts == {"ant": 6, "bee": 6}
    assert found.val.images[0].path == "val/ant/0100.png"
    assert found.duplicates() == [] == found.lookalikes()


def test_duplicates_across_parts_and_classes(split: Path) -> None:
    shutil.copy(split / "train/ant/0001.png", split / "val/bee/copy.png")
    Image.open(split / "train/bee/0012.png").save(split / "train/ant/again.jpg", quality=70)
    found = look(split)
    assert [[image.path for image in group] for group in found.duplicates()] == [
        ["train/ant/0001.png", "val/bee/copy.png"]
    ]
    assert [(one.path, other.path) for one, other in found.lookalikes()] == [
        ("train/ant/again.jpg", "train/bee/0012.png")
    ]


def test_all_are_counted_and_some_are_decoded(split: Path) -> None:
    found = look(split, 3)
    assert (len(found.train), found.train.looked_at) == (12, 3)
    assert found.train.counts == {"ant": 6, "bee": 6}
    assert [image.name for image in found.train.images] == ["ant/0000.png", "ant/0004.png", "bee/0012.png"]


def test_workers_find_the_same(split: Path) -> None:
    alone, together = look(split), look(split, workers=2)
    assert [(image.path, image.digest) for image in together.train.images] == [
        (image.path, image.digest) for image in alone.train.images
    ]


def test_broken_files_are_kept_apart(broken: Path) -> None:
    found = look(broken)
    assert [each.path for each in found.train.broken] == ["01.jpg", "02.jpg", "03.jpg", "05.png"]
    assert all(each.reason and not each.refused for each in found.train.broken)
    assert found.train.looked_at == 6 and found.train.counts == {}


def test_a_file_that_may_not_be_read(split: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmmim.datasets.sources import FolderSource

    def refuse(self: FolderSource, index: int) -> bytes:
        raise PermissionError(13, "Permission denied", self.name(index))

    monkeypatch.setattr(FolderSource, "read", refuse)
    found = look(split)
    assert not found.train.images
    assert all(each.refused and each.reason == "Permission denied" for each in found.train.broken)


def test_a_pack_is_looked_at_as_its_folder(split: Path, tmp_path: Path) -> None:
    pack(split, tmp_path / "pack")
    found = look(tmp_path / "pack")
    assert found.val is not None
    assert (len(found.train), len(found.val), found.train.counts) == (12, 4, {"ant": 6, "bee": 6})
    assert found.train.images[0].path == "train/ant/0000.png"


@pytest.mark.parametrize("form", ["zip", "webdataset", "datasets"])
def test_data_sets_of_other_tools(form: str, tmp_path: Path) -> None:
    for label, name in enumerate(("ant", "bee")):
        write_pictures(tmp_path / "data" / name, 4, 10 * label)
    if form == "zip":
        place = write_zip(tmp_path / "data", tmp_path / "data.zip")
    elif form == "webdataset":
        (place := tmp_path / "tars").mkdir()
        write_webdataset(tmp_path / "data", str(place / "{}.tar"), label_file=as_word)
    else:
        place = tmp_path / "hf"
        save_to_disk(table_of(tmp_path / "data", ["ant", "bee"]), place)
    found = look(place)
    assert (len(found.train), len(found.train.images)) == (8, 8)
    assert list(found.train.counts.values()) == [4, 4]


def test_single_images_of_classes_leave_nothing_to_hold_out(split: Path, tmp_path: Path) -> None:
    assert look(split).can_be_scored()
    for number in range(3):
        write_pictures(tmp_path / "single" / str(number), 1, number)
    found = look(tmp_path / "single")
    assert found.train.counts == {"0": 1, "1": 1, "2": 1} and not found.can_be_scored()
    write_pictures(tmp_path / "single/0", 1, 9)
    assert look(tmp_path / "single").can_be_scored()
    assert not look(split / "train/ant").can_be_scored()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        look(tmp_path)
