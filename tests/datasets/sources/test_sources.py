"""What --data reads besides folders gives the images, labels and samples of the folder it was made from."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from container_content import content, keys_and_pixels
from mmengine.config import Config
from other_containers import (
    as_word,
    save_to_disk,
    table_of,
    write_parquet,
    write_webdataset,
    write_zip,
)

from mmmim.datasets import ImageFolder, use_folder
from mmmim.datasets.sources import open_source
from mmmim.launch.data_paths import missing_paths

CLASSES = ("cat", "ant", "bee")  # an order that sorting does not give


KINDS = ["stored.zip", "deflated.zip", "tars", "one.tar", "folder.tar", "arrow", "parquet"]


@pytest.mark.parametrize("kind", KINDS)
def test_images_and_labels_are_those_of_the_folder(kind: str, made: Any, class_folder: Path) -> None:
    data, folder = ImageFolder(str(made(kind))), ImageFolder(str(class_folder))
    assert len(data) == 36 and data.classes == ("ant", "bee", "cat") and content(data) == content(folder)
    assert list(data.paths) == sorted(data.paths) and data.bad_files == []


@pytest.mark.parametrize("kind", ["stored.zip", "deflated.zip", "folder.tar"])
def test_names_are_those_of_the_folder_and_so_are_its_parts(
    kind: str, made: Any, class_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("ant/03.png\nbee/00.png\ncat/11.png\n", encoding="utf-8")
    for options in ({}, dict(subset="holdout", holdout=0.25), dict(keep=0.5), dict(list_file=f"{tmp_path}/list.txt")):
        data, folder = (ImageFolder(str(root), **options) for root in (made(kind), class_folder))
        assert list(data.paths) == list(folder.paths) and data.labels.tolist() == folder.labels.tolist()
        assert all(torch.equal(data[i]["inputs"], folder[i]["inputs"]) for i in range(0, len(data), 5))


@pytest.mark.parametrize("kind", KINDS)
def test_samples_do_not_depend_on_the_number_of_workers(kind: str, made: Any) -> None:
    root = str(made(kind))
    alone = keys_and_pixels(root, 0)
    assert len(alone) == 36 and keys_and_pixels(root, 2) == alone


@pytest.mark.parametrize("kind", ["stored.zip", "tars", "arrow", "parquet"])
def test_a_source_reaches_spawned_processes(kind: str, made: Any) -> None:
    source = open_source(str(made(kind)))
    wanted = source.read(3)  # which opens files
    again = pickle.loads(pickle.dumps(source))
    assert again.read(3) == wanted
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(source.read, [3] * 8) == [wanted] * 8


def test_rows_without_an_image_are_left_out(class_folder: Path, tmp_path: Path) -> None:
    import pyarrow as pa

    table = table_of(class_folder, CLASSES)
    rows = table.column("image").to_pylist()
    rows[4], rows[7] = None, dict(bytes=None, path="elsewhere.png")
    table = table.set_column(1, table.schema.field("image"), pa.array(rows, table.schema.field("image").type))
    source = open_source(str(save_to_disk(table, tmp_path / "saved")))
    assert len(source) == 34 and source.left_out == {"rows without an image": 2}
    assert content(ImageFolder(str(tmp_path / "saved"))) < content(ImageFolder(str(class_folder), classes=CLASSES))


def loader(**options: Any) -> dict:
    return dict(batch_size=4, num_workers=0, dataset=dict(type="ToyImages", num_images=9, transforms=[]), **options)


@pytest.fixture
def classify() -> Config:
    model = dict(type="mmmim.ImageClassifier", head=dict(type="LinearClsHead", num_classes=1000))
    return Config(dict(model=model, train_dataloader=loader(), val_dataloader=loader()))


def tables_in_folders(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        save_to_disk(table_of(folder, CLASSES), out / split)
    (out / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}', encoding="utf-8")


def tables_by_name(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        write_parquet(table_of(folder, CLASSES), out / "data" / f"{split}-00000-of-00001.parquet")


def tars_by_name(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        write_webdataset(folder, f"{out}/toy-{split}-{{}}.tar", label_file=as_word)


def tars_in_folders(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        write_webdataset(folder, f"{out}/{split}/{{}}.tar", label_file=as_word)


def zip_with_folders(folder: Path, out: Path) -> None:
    for split in ("train", "validation"):
        shutil.copytree(folder, out.parent / "both" / split)
    write_zip(out.parent / "both", out)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (tables_in_folders, "saved"), (tables_by_name, "hub"), (tars_by_name, "tars"), (tars_in_folders, "tars"),
        (zip_with_folders, "both.zip"),
    ],
)  # fmt: skip
def test_splits_of_other_containers(
    write: Any, name: str, classify: Config, class_folder: Path, tmp_path: Path
) -> None:
    write(class_folder, tmp_path / "other" / name)
    cfg = use_folder(classify, f"{tmp_path}/other/{name}")
    for part, split in (("train", "train"), ("val", "validation")):
        dataset = cfg[f"{part}_dataloader"].dataset
        assert dataset.root == f"{tmp_path}/other/{name}/{split}"
        data = ImageFolder(**{key: value for key, value in dataset.items() if key != "type"})
        assert len(data) == 36 and data.classes == (CLASSES if "tables" in write.__name__ else ("ant", "bee", "cat"))
        assert missing_paths(cfg, f"{part}_dataloader") == {}
    assert cfg.model.head.num_classes == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_fingerprint_changes_with_the_images(kind: str, made: Callable[[str], Path]) -> None:
    place = made(kind)
    whole = ImageFolder(str(place)).fingerprint()
    assert whole is not None and ImageFolder(str(place)).fingerprint() == whole
    others = [
        ImageFolder(str(place), **options) for options in (dict(keep=0.5), dict(subset="train"), dict(channels=1))
    ]
    assert len({whole, *(other.fingerprint() for other in others)}) == 4
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    kept = ImageFolder(str(place))
    for file in files:
        os.utime(file, (7, 7))
    assert kept.fingerprint() not in (whole, None)
    for file in files:
        file.unlink()
    assert kept.fingerprint() is None
