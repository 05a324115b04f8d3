"""A pack gives what the folder gives; what happens to it while it is written or kept is told in one line."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from other_containers import save_to_disk, table_of
from small_packs import assert_same, pack, samples

from mmmim.datasets import ImageFolder, ImageList, use_folder

CROP = [dict(type="RandomResizedCrop", size=8, scale=(0.2, 1.0), antialias=True)]


@pytest.mark.parametrize("form", ["jpeg", "pixels"])
def test_a_pack_of_small_images_gives_the_samples_of_the_folder(form: str, class_folder: Path, tmp_path: Path) -> None:
    report = pack(class_folder, tmp_path / "pack", format=form)
    assert (report.images, report.shards, report.unreadable) == (36, 4, {})
    assert_same(samples(tmp_path / "pack"), samples(class_folder))
    for options in (dict(subset="holdout", holdout=0.25), dict(keep=0.5, keep_seed=3)):
        assert_same(samples(tmp_path / "pack", **options), samples(class_folder, **options))
    data, folder = ImageFolder(str(tmp_path / "pack")), ImageFolder(str(class_folder))
    assert list(data.paths) == list(folder.paths) and data.classes == folder.classes


def test_lists_and_splits_of_a_pack_are_those_of_the_folder(class_folder: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        shutil.copytree(class_folder, tmp_path / "both" / split)
    pack(tmp_path / "both", tmp_path / "pack")
    (tmp_path / "list.txt").write_text("val/bee/03.png 1\ntrain/ant/00.png 0\n", encoding="utf-8")
    listed = ImageList(str(tmp_path / "pack"), f"{tmp_path}/list.txt")
    assert [int(listed[i]["inputs"][0, 0, 0]) for i in (0, 1)] == [43, 0]
    loader = dict(batch_size=4, dataset=dict(type="ToyImages", transforms=[]))
    model = dict(type="ImageClassifier", head=dict(type="LinearClsHead", num_classes=1000))
    cfg = use_folder(Config(dict(model=model, train_dataloader=loader, val_dataloader=loader)), f"{tmp_path}/pack")
    for split in ("train", "val"):
        dataset = cfg[f"{split}_dataloader"].dataset
        assert dataset.root == f"{tmp_path}/pack/{split}"
        assert_same(samples(Path(dataset.root)), samples(tmp_path / "both" / split))


def test_the_files_are_plain_zip_files(class_folder: Path, tmp_path: Path) -> None:
    pack(class_folder, tmp_path / "pack", per_shard=20)
    with zipfile.ZipFile(tmp_path / "pack" / "shard-00001.zip") as archive:
        assert archive.testzip() is None and len(archive.namelist()) == 16
        assert archive.read("cat/11.png") == (class_folder / "cat" / "11.png").read_bytes()


# ------------------------------------------------------------------ what an entry holds


def test_images_smaller_than_the_crop_are_remarked_on(class_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    told: list[str] = []
    monkeypatch.setattr("mmmim.datasets.image_files.print_log", lambda text, **_: told.append(text))
    pack(class_folder, tmp_path / "pack", size=12)
    for size in (12, [12, 8]):
        ImageFolder(f"{tmp_path}/pack", [dict(type="RandomResizedCrop", size=size)])
    assert told == []
    ImageFolder(f"{tmp_path}/pack", [dict(type="CenterCrop", size=[16, 12])])
    assert len(told) == 1 and "reduced to 12 pixels, and 16 are trained on" in told[0] and "--size 16" in told[0]


# ------------------------------------------------------------------ names


def test_classes_of_a_table_keep_their_order_in_a_pack(class_folder: Path, tmp_path: Path) -> None:
    saved = save_to_disk(table_of(class_folder, ("cat", "ant", "bee")), tmp_path / "saved")
    pack(saved, tmp_path / "pack")
    data = ImageFolder(f"{tmp_path}/pack")
    assert data.classes == ("cat", "ant", "bee")
    assert_same(samples(tmp_path / "pack"), samples(saved))


# ------------------------------------------------------------------ writing that does not go well


class Interrupted(Exception):
    pass
