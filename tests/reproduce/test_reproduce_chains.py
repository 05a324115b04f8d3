"""One row of each kind of chain, really run in small: pre-training, what comes between, and the column's number."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmmim.launch.cores import available_cores
from mmmim.reproduce import command
from mmmim.reproduce.collect import number
from mmmim.reproduce.command import Run
from mmmim.reproduce.plan import Settings, plan_table
from mmmim.reproduce.recipes import told_by
from mmmim.reproduce.runs import Runner
from mmmim.reproduce.tables import load_tables, methods

LONG_COMMAND = Run.command


def short_command(run: Run) -> list[str]:
    """The command of a run with words that make a training last seconds."""
    words = LONG_COMMAND(run)
    if run.tool != "train":
        return words
    task = told_by(run.config).task
    length = ["--iters", "4"] if task == "segmentation" else ["--epochs", "1"]
    options = [] if task in ("segmentation", "detection") else ["train_dataloader.dataset.num_images=128"]
    at = words.index("--cfg-options") if "--cfg-options" in words else len(words)
    return [*words[:at], *length, *(words[at:] or ["--cfg-options"] * len(options)), *options]


class ShortRunner(Runner):
    """Gives the last checkpoint of a short training the name of the long one's."""

    def execute(self, run: Run) -> int:
        status = super().execute(run)
        if status == 0 and run.tool == "train":
            written = max((*run.folder.glob("epoch_*.pth"), *run.folder.glob("iter_*.pth")), key=os.path.getmtime)
            written.replace(run.result)
        return status


# The rows of `toy` are run whole and their numbers committed, in docs/results.
PAPERS = [method for method in methods() if method != "toy"]


@pytest.mark.slow
@pytest.mark.parametrize("method", PAPERS)
def test_each_kind_of_chain_ends_in_its_number(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(Run, "command", short_command)
    kinds: dict[tuple, tuple[Run, str]] = {}
    for table in load_tables(method):
        for plan in plan_table(method, table, Settings("toy")):
            for metric, runs in plan.runs.items():
                kind = (*((run.tool, run.config) for run in runs[0].chain), metric)
                kinds.setdefault(kind, (runs[0], metric))
    wanted = list(dict.fromkeys(run for last, _ in kinds.values() for run in last.chain))
    runner = ShortRunner(available_cores(), lanes=2)
    runner.run(sorted(wanted, key=lambda run: len(run.chain)))
    assert not runner.failed
    for last, metric in kinds.values():
        assert number(last, metric) is not None, (last.name, metric)
