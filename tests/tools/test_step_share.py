"""tools/analysis/step_share.py on toys."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIGS = (
    "beyond_masking/vit-tiny_zoomed-out_toy.py",
    "beyond_masking/vit-tiny_integrated_toy.py",
    "conmim/vit-tiny_toy.py",
)


def test_shares_of_a_step() -> None:
    command = [sys.executable, "tools/analysis/step_share.py", *(f"configs/{name}" for name in CONFIGS)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [*command, "--batch", "2", "--steps", "1"], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    rows = re.findall(r"(\S+_toy\.py) +([\d.]+)s((?: +[\d.]+%){6})", run.stdout)
    assert [name for name, *_ in rows] == list(CONFIGS)
    for name, seconds, shares in rows:
        given, drawn, loss, momentum, optimizer, together = (float(share) for share in re.findall(r"([\d.]+)%", shares))
        assert float(seconds) > 0 and given > 0 and loss > 0 and optimizer > 0
        assert (drawn > 0) == ("zoomed-out" not in name)
        assert (momentum > 0) == name.startswith("conmim")
        assert together == pytest.approx(given + drawn + loss + momentum + optimizer, abs=0.05)
