from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmmim.errors import UsageError
from mmmim.launch.scalars import evaluation_records, last_values, read_scalars, scalar_files, training_records


def log(folder: Path, start: str, *records: dict, torn: str = "") -> Path:
    file = folder / start / "vis_data" / "scalars.json"
    file.parent.mkdir(parents=True)
    file.write_text("".join(json.dumps(record) + "\n" for record in records) + torn, encoding="utf-8")
    return file


@pytest.fixture
def run(tmp_path: Path) -> Path:
    first = [
        dict(lr=1, loss=3.0, iter=1, epoch=1, step=1),
        {"knn/top1_k10": 30.0, "step": 1},
        dict(lr=1, loss=9, iter=2),
    ]
    log(tmp_path, "20250101_000000", *first, torn='{"lr": 1, "lo')
    second = [dict(lr=1, loss=2.0, iter=2), {"knn/top1_k10": 40.0, "step": 2}, {"rankme/rankme": 7.0, "step": 2}]
    log(tmp_path, "20250102_000000", *second)
    return tmp_path


def test_a_start_that_went_on_overrides_what_the_killed_one_logged(run: Path) -> None:
    assert [record["loss"] for record in training_records(run)] == [3.0, 2.0]
    assert last_values(scalar_files(run)) == {
        "lr": 1, "loss": 2, "iter": 2, "epoch": 1, "step": 2, "knn/top1_k10": 40, "rankme/rankme": 7
    }  # fmt: skip


def test_scalars_of_one_evaluation_stand_together(run: Path) -> None:
    assert evaluation_records(run) == [
        {"knn/top1_k10": 30.0, "step": 1},
        {"knn/top1_k10": 40.0, "rankme/rankme": 7.0, "step": 2},
    ]


def test_a_line_that_is_no_record_is_named_and_a_torn_last_one_left_out(tmp_path: Path) -> None:
    file = log(tmp_path, "a", dict(lr=1, iter=1), torn="{")
    assert list(read_scalars(file)) == [dict(lr=1, iter=1)]
    file.write_text('nonsense\n{"iter": 1}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="line 1: not a JSON record"):
        list(read_scalars(file))


def test_a_folder_without_scalars_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no vis_data/scalars\.json below"):
        scalar_files(tmp_path)
