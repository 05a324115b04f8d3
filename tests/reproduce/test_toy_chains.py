"""One row of each kind of chain, really run in small: pre-training, what comes between, and the column's number."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmmim.reproduce import command
from mmmim.reproduce.collect import number
from mmmim.reproduce.command import Run
from mmmim.reproduce.plan import Settings, plan_table
from mmmim.reproduce.recipes import told_by
from mmmim.reproduce.runs import Runner
from mmmim.reproduce.stages import available_cores
from mmmim.reproduce.tables import load_tables, methods


def short(run: Run) -> list[str]:
    """Words that make a toy run last seconds."""
    if run.tool != "train":
        return []
    task = told_by(run.config).task
    if task == "segmentation":
        return ["--iters", "4"]
    return ["--epochs", "1", *([] if task == "detection" else ["train_dataloader.dataset.num_images=128"])]


class ShortRunner(Runner):
    """Runs each command with the words of :func:`short`; the last checkpoint gets the name of the long run."""

    def execute(self, run: Run) -> int:
        words = short(run)
        whole = Run.command
        options = [word for word in words if "=" in word]

        def shorter(each: Run) -> list[str]:
            found = [*whole(each)]
            at = found.index("--cfg-options") if "--cfg-options" in found else len(found)
            lengths = [word for word in words if "=" not in word]
            return [*found[:at], *lengths, *(found[at:] or (["--cfg-options"] if options else [])), *options]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Run, "command", shorter)
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
