from __future__ import annotations

import re

import pytest

from mmmim.reproduce.command import Run


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
