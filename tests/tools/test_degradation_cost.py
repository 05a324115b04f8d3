"""tools/analysis/degradation_cost.py on toys."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_shares_of_a_step() -> None:
    tasks = ("zoomed-out", "integrated")
    configs = [f"configs/beyond_masking/vit-tiny_{task}_toy.py" for task in tasks]
    command = [sys.executable, "tools/analysis/degradation_cost.py", *configs, "--batch", "2", "--steps", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stderr
    rows = re.findall(r"(\S+_toy\.py) +([\d.]+) ms +([\d.]+) s +([\d.]+)%", run.stdout)
    assert [Path(name).stem for name, *_ in rows] == [f"vit-tiny_{task}_toy" for task in tasks]
    for _, degrading, step, share in rows:
        assert 0 < float(share) < 100
        assert float(share) / 100 * float(step) * 1e3 < 2 * float(degrading) + 1
