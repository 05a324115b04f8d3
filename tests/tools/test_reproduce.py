from __future__ import annotations

import re
import runpy
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmmim.engine.tables import load_tables

main = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools" / "reproduce.py"))["main"]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that would have run."""
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        ran.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    return ran


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


def test_one_process_runs_train_with_the_row_s_overrides(commands, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ccmim", "table5", "--row", "importance-100e", "--", "--data", "DIR"]) == 0
    command = " ".join(commands[0][1:])
    assert command.startswith(
        "tools/train.py configs/ccmim/vit-b_300e.py --work-dir work_dirs/ccmim/table5/importance-100e"
    )
    assert "train_cfg.max_epochs=100" in command and "model.masker.noise=none" in command
    assert command.endswith("--data DIR")
    out = capsys.readouterr().out
    assert "linear_vit-b_90e_in1k.py --checkpoint work_dirs/ccmim/table5/importance-100e/epoch_100.pth" in out


def test_several_processes_go_through_the_launcher_and_a_work_dir_is_kept(commands) -> None:
    words = ["ccmim", "table1", "--row", "ccmim-800e", "--gpus", "32", "--dry-run", "--", "--work-dir", "mine"]
    assert main(words) == 0
    assert commands[0] == [
        "bash", "tools/dist_train.sh", "configs/ccmim/vit-b_800e.py", "32", "--dry-run", "--work-dir", "mine",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ccmin", "--list"], "did you mean 'ccmim'"),
        (["ccmim", "tabel5", "--row", "x"], "did you mean 'table5'"),
        (["ccmim", "table5", "--row", "importance-sampling-100"], "did you mean 'importance-sampling-100e'"),
        (["ccmim", "table1", "--row", "mae-300e"], "published numbers of another method"),
    ],
)
def test_unknown_names_suggest_the_nearest(
    commands, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err
    assert commands == []


def test_a_real_dry_run(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["ccmim", "table5", "--row", "block-wise-400e", "--dry-run", "--gpus", "32"]) == 0
    out = capfd.readouterr().out
    assert re.search(r"epochs +400", out) and re.search(r"effective batch +1,?024", out)
