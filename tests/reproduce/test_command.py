"""Whole tables: every run once, both numbers side by side, what fails or cannot be run."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mmmim.reproduce import command, runs
from mmmim.reproduce.command import Run
from mmmim.reproduce.recipes import told_by
from mmmim.reproduce.runs import Runner
from mmmim.reproduce.tables import load_tables

TABLE_5 = ["ccmim", "table5", "--scale", "toy"]


@pytest.mark.parametrize("method", ["ccmim", "mae"])
def test_the_list_names_every_row_with_its_published_numbers(method: str, reproduce, capsys) -> None:
    assert reproduce([method, "--list"]) == 0
    out = capsys.readouterr().out
    for table in load_tables(method):
        assert f"{table.name}: {table.title}" in out
        for row in table.rows:
            line = next(line for line in out.splitlines() if re.match(rf"  {re.escape(row.name)} +\[", line))
            assert (f"run {method}/" in line) == bool(row.evaluations())
            assert ("number only: " in line) == any(row.why_number_only(m) for m in row.published)
    if method == "ccmim":
        assert re.search(r"ccmim-800e +\[run ccmim/vit-b_800e.py\] +published: linear 68.9 +finetune 84.2", out)
        assert len(re.findall("number only", out)) == 18 + 14 + 8 + 8


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


def test_a_run_that_fails_names_its_log_and_the_others_go_on(
    reproduce, ran: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    works = Runner.execute

    def fails(self: Runner, run: Run) -> int:
        return 1 if "model.masker.type=RandomMasker" in run.options else works(self, run)

    monkeypatch.setattr(Runner, "execute", fails)
    words = [*TABLE_5, "--row", "random-400e", "block-wise-400e", "--out", str(tmp_path)]
    assert reproduce(words) == 1
    err = capsys.readouterr().err
    assert re.search(r"failed: ccmim_vit-tiny_toy_seed0_\w+: status 1; its output is in .*output.log", err)
    assert err.count("not run, since ccmim_vit-tiny_toy") == 2
    table = (tmp_path / "ccmim_table5_toy.md").read_text(encoding="utf-8")
    assert "| random-400e | 63.1 |  | 82.9 |  |" in table and "| block-wise-400e | 62.0 | 70.0 | 82.8 | 80.0 |" in table
    monkeypatch.setattr(Runner, "execute", works)
    assert reproduce(words) == 0
    assert "| random-400e | 63.1 | 70.0 | 82.9 | 80.0 |" in (tmp_path / "ccmim_table5_toy.md").read_text(
        encoding="utf-8"
    )


def test_a_lane_takes_what_can_start_and_does_not_wait_for_another(tmp_path: Path, ran: list[Run]) -> None:
    executed, both_run = Runner.execute, threading.Barrier(2)

    class TwoLanes(Runner):
        def execute(self, run: Run) -> int:
            if run.start is None:
                both_run.wait(timeout=900)
            return executed(self, run)

    first, second = (Run("train", "configs/mae/vit-tiny_toy.py", seed=seed) for seed in (0, 1))
    probe = Run("probe", "configs/mae/vit-tiny_toy.py", start=first)
    runner = TwoLanes(cores=2, lanes=2)
    runner.run([first, probe, second])
    assert not runner.failed and set(ran) == {first, probe, second}


def test_what_ends_the_table_ends_its_runs(reproduce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "RUNS", tmp_path / "runs")
    stop_once = f"mkdir {tmp_path / 'first'} && kill -TERM {os.getpid()}; exec sleep 900"
    monkeypatch.setattr(Run, "command", lambda self: ["sh", "-c", stop_once])
    started: list[subprocess.Popen] = []
    start = subprocess.Popen

    def noted(words: list[str], **options: Any) -> subprocess.Popen:
        process = start(words, **options)
        if words[0] == "sh":  # not git, which is asked for the commit
            started.append(process)
        return process

    monkeypatch.setattr(runs.subprocess, "Popen", noted)
    with pytest.raises(SystemExit, match="143"):
        reproduce([*TABLE_5, "--out", str(tmp_path)])
    while not started:  # the signal can come before the lane has heard that its process is there
        time.sleep(0.05)
    assert all(process.wait() == -signal.SIGTERM for process in started)


def test_a_run_without_its_last_checkpoint_or_number_has_not_ended(
    reproduce, ran: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*TABLE_5, "--row", "random-400e", "--out", str(tmp_path)]
    assert reproduce(words) == 0
    pretrain, probe = ran[0], next(run for run in ran if run.tool == "probe")
    probe.result.write_text('{"pretrained": {"to', encoding="utf-8")
    assert "--resume auto" in " ".join(pretrain.command())
    assert reproduce(words) == 0
    assert ran[3:] == [probe]
    finetune = next(run for run in ran if told_by(run.config).task == "finetune")
    (finetune.folder / "1/vis_data/scalars.json").unlink()
    was_removed: list[bool] = []

    def execute(self: Runner, run: Run) -> int:
        was_removed.append(not run.result.exists())
        return executed(self, run)

    executed = Runner.execute
    monkeypatch.setattr(Runner, "execute", execute)
    assert reproduce(words) == 0
    assert ran[4:] == [finetune] and was_removed == [True]
    assert finetune.result.with_name(f"{finetune.result.name}.without_number").is_file()


def test_a_file_that_another_lane_sets_aside_has_no_number(ran: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    first = Run("train", "configs/mae/vit-tiny_toy.py")
    probe = Run("probe", "configs/mae/vit-tiny_toy.py", start=first)
    Runner(cores=1, lanes=1).run([first, probe])

    def seen_and_then_gone(self: Path) -> bool:
        self.unlink()
        return True

    monkeypatch.setattr(Path, "is_file", seen_and_then_gone)
    assert not runs.finished(probe)


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


@pytest.mark.parametrize("words", [["ccmim"], [], ["ccmim", "table5", "--seeds", "0"]])
def test_an_incomplete_command_line_is_refused(reproduce, words: list[str]) -> None:
    with pytest.raises(SystemExit):
        reproduce(words)


def test_a_dry_run_says_what_it_would_cost_and_runs_nothing(reproduce, ran: list[Run], capsys) -> None:
    assert reproduce(["ccmim", "table5", "--row", "random-100e", "--dry-run", "--gpus", "32"]) == 0
    out = capsys.readouterr().out
    plan = "100 epochs, 1,281,167 images, batch 1024, 125,100 iterations, "
    cost = re.search(plan + r"([\d.]+) GFLOP per image \(([\d.]+) EFLOP", out)
    assert cost is not None and 55 < float(cost[1]) < 60  # releases of torch count other operations
    assert float(cost[2]) == pytest.approx(float(cost[1]) * 125_100 * 1024 / 1e9, rel=0.01)
    assert "bash tools/dist_train.sh configs/ccmim/vit-b_300e.py 32 --work-dir" in out
    assert "32 per process x 32 processes x 1 accumulation = 1024" in out
    assert "3 runs: 0 done, 3 to do" in out and not ran


@pytest.mark.slow
def test_a_row_really_run(reproduce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "RUNS", tmp_path / "runs")
    short = ["--epochs", "1", "--cfg-options", "train_dataloader.dataset.num_images=128"]
    assert reproduce([*TABLE_5, "--row", "random-100e", "--out", str(tmp_path), "--", *short]) == 0
    data = json.loads((tmp_path / "ccmim_table5_toy.json").read_text(encoding="utf-8"))
    own = next(row["own"] for row in data["rows"] if row["name"] == "random-100e")
    assert 12.5 < own["linear"][0] <= 100 and 0 < own["finetune"][0] <= 100
    assert all(record["seconds"] > 0 for record in data["runs"].values()) and len(data["runs"]) == 3
