from __future__ import annotations

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

TABLE_5 = ["ccmim", "table5", "--scale", "toy"]


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

    is_file = Path.is_file

    def seen_and_then_gone(self: Path) -> bool:
        if self != probe.result:
            return is_file(self)
        self.unlink()
        return True

    monkeypatch.setattr(Path, "is_file", seen_and_then_gone)
    assert not runs.finished(probe) and not probe.result.exists()


def test_the_speed_of_a_training_counts_each_step_once_over_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "RUNS", tmp_path)
    run = Run("train", "configs/mae/vit-tiny_toy.py")
    lines = [(1, 10, 6.0, 20.0), (1, 20, 60.0, 2.0), (2, 20, 3.0, 40.0), (2, 30, 1.5, 80.0)]
    for start, step, seconds, rate in lines:
        file = run.folder / str(start) / "vis_data/scalars.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write(f'{{"loss": 0.5, "lr": 0.1, "time": {seconds}, "iter": {step}, "images_per_second": {rate}}}\n')
            log.write(f'{{"accuracy/top1": 50.0, "time": 9.0, "step": {step}}}\n')
    assert runs.metrics_of(run) == {"loss": 0.5, "images/s": 40.0, "minutes": (60 + 30 + 15) / 60}
