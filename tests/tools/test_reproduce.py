from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from mmmim.engine.tables import find_table, load_tables
from mmmim.reproduce import plan
from mmmim.reproduce.plan import TOOLS, Run, task_of
from mmmim.reproduce.runs import Runner

main = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools" / "reproduce.py"))["main"]
METRICS = {"pretrain": {"loss": 1.5}, "mask-rcnn": {"coco/bbox_mAP": 0.25, "coco/segm_mAP": 0.2}}


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs that would have been made; each leaves the files that a real one leaves."""
    runs: list[Run] = []

    def execute(self: Runner, run: Run) -> int:
        runs.append(run)
        if run.start is not None:
            assert run.start.result.is_file()
        if run.tool in TOOLS:
            values = {"top1": 70.0 + run.seed, "k20": 60.0}
            run.result.write_text(json.dumps({"random_init" if run.untrained else "pretrained": values}))
            return 0
        (run.folder / "1/vis_data").mkdir(parents=True)
        metrics = METRICS.get(task_of(run.config), {"accuracy/top1": 80.0 + run.seed, "mIoU": 40.0})
        (run.folder / "1/vis_data/scalars.json").write_text(json.dumps(metrics) + '\n{"unfinis')
        run.result.touch()
        return 0

    monkeypatch.setattr(Runner, "execute", execute)
    monkeypatch.setattr(plan, "RUNS", tmp_path / "runs")
    return runs


@pytest.mark.parametrize("method", ["ccmim", "mae"])
def test_the_list_names_every_row_with_its_published_numbers(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([method, "--list"]) == 0
    out = capsys.readouterr().out
    for table in load_tables(method):
        assert f"{table.name}: {table.title}" in out
        for row in table.rows:
            line = next(line for line in out.splitlines() if re.match(rf"  {re.escape(row.name)} +\[", line))
            assert ("published only" in line) == (row.config is None)
    if method == "ccmim":
        assert re.search(r"ccmim-800e +\[run ccmim/vit-b_800e.py\] +published: linear 68.9 +finetune 84.2", out)
        assert len(re.findall("published only", out)) == 18 + 14 + 8 + 8


def test_a_whole_table_is_run_once_and_shows_both_numbers(ran: list[Run], tmp_path: Path) -> None:
    words = ["ccmim", "table5", "--scale", "toy", "--out", str(tmp_path)]
    assert main(words) == 0
    assert len(ran) == 24 and len(set(ran)) == 24  # 8 pre-trainings, each probed and fine-tuned
    table = (tmp_path / "ccmim_table5_toy.md").read_text()
    assert "| importance-sampling-100e | 41.1 | 70.0 | 80.5 | 80.0 |" in table
    assert "python tools/reproduce.py ccmim table5 --scale toy" in table and "not comparable" in table
    assert main(words) == 0
    assert len(ran) == 24


def test_rows_that_were_not_run_stay_empty(ran: list[Run], tmp_path: Path) -> None:
    words = ["ccmim", "table5", "--scale", "toy", "--row", "random-100e", "--seeds", "2", "--out", str(tmp_path)]
    assert main(words) == 0
    table = (tmp_path / "ccmim_table5_toy.md").read_text()
    assert "| random-100e | 33.6 | 70.5 ± 0.7 | 79.4 | 80.5 ± 0.7 |" in table
    assert "| block-wise-100e | 32.9 |  | 79.2 |  |" in table


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ccmin", "--list"], "did you mean 'ccmim'"),
        (["ccmim", "tabel5", "--row", "x"], "did you mean 'table5'"),
        (["ccmim", "table5", "--row", "importance-sampling-100"], "did you mean 'importance-sampling-100e'"),
        (["ccmim", "table1", "--row", "mae-300e"], "published numbers of another method"),
        (["ccmim", "finetuning", "--scale", "toy", "--row", "literal"], "no toy version"),
    ],
)
def test_what_cannot_be_run_is_named(
    ran: list[Run], capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err
    assert not ran
    assert find_table("table5", load_tables("ccmim"))
