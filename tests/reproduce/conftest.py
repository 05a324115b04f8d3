from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cost_tables import COSTS, TABLE

from mmmim.commands.reproduce import main
from mmmim.reproduce import command
from mmmim.reproduce.command import TOOLS, Run
from mmmim.reproduce.counts import counted
from mmmim.reproduce.recipes import told_by
from mmmim.reproduce.runs import Runner

METRICS = {"pretrain": {"loss": 1.5}, "detection": {"coco/bbox_mAP": 0.25, "coco/segm_mAP": 0.2}}


@pytest.fixture(scope="session")
def reproduce() -> Callable[[list[str]], int]:
    """The command."""
    return main


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs that would have been made; each leaves the files that a real one leaves."""
    runs: list[Run] = []

    def execute(self: Runner, run: Run) -> int:
        runs.append(run)
        if run.start is not None:
            assert run.start.result.is_file()
        if run.tool == "test":
            run.result.write_text(json.dumps({"mIoU": 42.0}), encoding="utf-8")
            return 0
        if run.tool in TOOLS:
            values = {"top1": 70.0 + run.seed, "k20": 60.0}
            run.result.write_text(
                json.dumps({"random_init" if run.untrained else "pretrained": values}), encoding="utf-8"
            )
            return 0
        (run.folder / "1/vis_data").mkdir(parents=True, exist_ok=True)
        metrics = METRICS.get(told_by(run.config).task, {"accuracy/top1": 80.0 + run.seed, "mIoU": 40.0})
        (run.folder / "1/vis_data/scalars.json").write_text(json.dumps(metrics) + '\n{"unfinis', encoding="utf-8")
        run.result.touch()
        return 0

    monkeypatch.setattr(Runner, "execute", execute)
    monkeypatch.setattr(command, "RUNS", tmp_path / "runs")
    return runs


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mmmim.reproduce.counts.TIMES", tmp_path)
    return lambda row, metric: counted("mae", TABLE, TABLE.row(row), metric, COSTS[metric])
