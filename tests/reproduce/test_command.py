"""Whole tables: every run once, both numbers side by side, what fails or cannot be run."""

from __future__ import annotations

import csv
import json
import re
import time
from pathlib import Path

import pytest

from mmmim.reproduce import command
from mmmim.reproduce.command import Run
from mmmim.reproduce.runs import Runner
from mmmim.reproduce.tables import load_tables

TABLE_5 = ["ccmim", "table5", "--scale", "toy"]


def test_a_whole_table_is_run_once_and_shows_both_numbers(reproduce, ran: list[Run], tmp_path: Path) -> None:
    assert reproduce([*TABLE_5, "--out", str(tmp_path)]) == 0
    assert len(ran) == 24 and len(set(ran)) == 24  # 8 pre-trainings, each probed and fine-tuned
    table = (tmp_path / "ccmim_table5_toy.md").read_text(encoding="utf-8")
    assert "| importance-sampling-100e | 41.1 | 70.0 | 80.5 | 80.0 |" in table
    assert "python tools/reproduce.py ccmim table5 --scale toy\n" in table and "not comparable" in table
    names = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")][2:]
    assert names == [f"| {row.name}" for row in load_tables("ccmim")[4].rows]
    assert reproduce([*TABLE_5, "--out", str(tmp_path)]) == 0
    assert len(ran) == 24


def test_one_column_is_run_and_the_rest_is_collected(reproduce, ran: list[Run], tmp_path: Path, capsys) -> None:
    words = [*TABLE_5, "--row", "random-100e", "--out", str(tmp_path)]
    assert reproduce([*words, "--metric", "linear"]) == 0
    assert [run.tool for run in ran] == ["train", "probe"]
    (tmp_path / "ccmim_table5_toy.md").unlink()
    assert reproduce([*words, "--collect"]) == 0
    assert len(ran) == 2 and "| random-100e |" in (tmp_path / "ccmim_table5_toy.md").read_text(encoding="utf-8")
    assert reproduce([*words, "--metric", "mIoU"]) == 2
    assert "--metric mIoU: the columns of table5 are linear, finetune" in capsys.readouterr().err


def test_records_say_what_was_run(reproduce, ran: list[Run], tmp_path: Path) -> None:
    assert reproduce([*TABLE_5, "--row", "random-400e", "--out", str(tmp_path)]) == 0
    data = json.loads((tmp_path / "ccmim_table5_toy.json").read_text(encoding="utf-8"))
    record = data["runs"][ran[0].name]
    assert record["command"].startswith("python tools/train.py configs/ccmim/vit-tiny_toy.py --work-dir")
    assert record["metrics"] == {"loss": 1.5} and record["seed"] == 0 and record["versions"]["torch"]
    assert {"commit", "date", "device", "seconds", "config"} <= set(record)
    row = next(row for row in data["rows"] if row["name"] == "random-400e")
    assert row["own"] == {"linear": [70.0], "finetune": [80.0]}
    assert set(data["runs"]) == {run.name for run in ran}


def test_rows_that_were_not_run_stay_empty_and_seeds_have_a_spread(reproduce, ran: list[Run], tmp_path: Path) -> None:
    words = [*TABLE_5, "--row", "random-100e", "--seeds", "2", "--out", str(tmp_path)]
    assert reproduce(words) == 0
    table = (tmp_path / "ccmim_table5_toy.md").read_text(encoding="utf-8")
    assert "| random-100e | 33.6 | 70.5 ± 0.7 | 79.4 | 80.5 ± 0.7 |" in table
    assert "| block-wise-100e | 32.9 |  | 79.2 |  |" in table
    rows = {row["row"]: row for row in csv.DictReader((tmp_path / "ccmim_table5_toy.csv").open(encoding="utf-8"))}
    assert rows["random-100e"]["linear_own"] == "70.5" and rows["random-100e"]["linear_std"] == "0.707"
    assert rows["block-wise-100e"]["linear_own"] == "" and rows["block-wise-100e"]["linear_runs"] == "0"


def test_tables_share_runs(reproduce, ran: list[Run], tmp_path: Path) -> None:
    assert reproduce(["ccmim", "table1", "--scale", "toy", "--out", str(tmp_path)]) == 0
    before = len(ran)
    assert reproduce([*TABLE_5, "--row", "importance-sampling-400e", "--out", str(tmp_path)]) == 0
    assert len(ran) == before


def test_lanes_write_the_table_one_after_the_other(ran: list[Run]) -> None:
    writing: list[int] = []
    most: list[int] = []

    def write() -> None:
        writing.append(1)
        most.append(len(writing))
        time.sleep(0.05)
        writing.pop()

    Runner(cores=4, lanes=4, ended=write).run([Run("train", "configs/mae/vit-tiny_toy.py", seed=s) for s in range(8)])
    assert most == [1] * 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ccmin", "--list"], "did you mean 'ccmim'"),
        (["ccmim", "tabel5", "--row", "x"], "did you mean 'table5'"),
        (["ccmim", "table5", "--row", "importance-sampling-100"], "did you mean 'importance-sampling-100e'"),
        (["ccmim", "table1", "--row", "mae-300e"], "the number of another method, .*there is no run to start"),
        (["ccmim", "finetuning", "--scale", "toy", "--row", "literal"], "no toy version: its subject is the learning"),
        (["simmim", "appendix-e", "--scale", "toy"], "no row has a run"),
        (["simmim", "table7", "--row", "swinv2-g-640"], "private data"),
        (
            ["ccmim", "table3", "--gpus", "8", "--", "--cfg-options", "train_dataloader.batch_size=3"],
            "upernet_vit-b_160k_ade20k.py: batch 15 in place of the recipe's 16 .*the lr is for the recipe's",
        ),
    ],
)
def test_what_cannot_be_run_is_named(reproduce, ran: list[Run], capsys, words: list[str], message: str) -> None:
    assert reproduce(words) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not ran


@pytest.mark.slow
def test_a_row_really_run(reproduce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "RUNS", tmp_path / "runs")
    short = ["--epochs", "1", "--cfg-options", "train_dataloader.dataset.num_images=128"]
    assert reproduce([*TABLE_5, "--row", "random-100e", "--out", str(tmp_path), "--", *short]) == 0
    data = json.loads((tmp_path / "ccmim_table5_toy.json").read_text(encoding="utf-8"))
    own = next(row["own"] for row in data["rows"] if row["name"] == "random-100e")
    assert 12.5 < own["linear"][0] <= 100 and 0 < own["finetune"][0] <= 100
    assert all(record["seconds"] > 0 for record in data["runs"].values()) and len(data["runs"]) == 3
