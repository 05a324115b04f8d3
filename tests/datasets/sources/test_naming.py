from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from container_content import content
from other_containers import (
    as_caption,
    as_cls,
    as_json,
    as_text,
    save_to_disk,
    table_of,
    write_parquet,
    write_webdataset,
)

from mmmim.datasets import ImageFolder

CLASSES = ("cat", "ant", "bee")  # an order that sorting does not give


@pytest.mark.parametrize("label_file", [as_cls, as_json, as_text])
def test_integer_labels_of_a_webdataset_keep_their_order(label_file: Any, class_folder: Path, tmp_path: Path) -> None:
    for number in range(3, 12):  # so that "10" comes before "2" when sorted as words
        shutil.copytree(class_folder / "ant", class_folder / f"more{number:02}")
    write_webdataset(class_folder, f"{tmp_path}/tars/{{}}.tar", label_file=label_file)
    data = ImageFolder(f"{tmp_path}/tars")
    assert data.classes == tuple(str(label) for label in range(12))
    assert all(data.name(i).split("/")[-2] == str(data[i]["labels"]) for i in range(0, len(data), 7))


def test_captions_are_no_labels(class_folder: Path, tmp_path: Path) -> None:
    write_webdataset(class_folder, f"{tmp_path}/tars/{{}}.tar", label_file=as_caption)
    data = ImageFolder(f"{tmp_path}/tars")
    assert data.classes == () and {data[i]["labels"] for i in range(36)} == {-1}


def test_names_of_classes_keep_the_order_of_a_table(class_folder: Path, tmp_path: Path) -> None:
    for root in (
        save_to_disk(table_of(class_folder, (*CLASSES, "dog")), tmp_path / "saved"),
        write_parquet(table_of(class_folder, (*CLASSES, "dog")), tmp_path / "train.parquet"),
    ):
        data = ImageFolder(str(root))
        assert data.classes == (*CLASSES, "dog")
        folder = ImageFolder(str(class_folder), classes=[*CLASSES, "dog"])
        assert content(data) == content(folder)
