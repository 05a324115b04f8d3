"""A training in a process of its own, with data workers: whatever ends it, the process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmmim.engine.stop_signal import EXIT_CODE

HELPERS = Path(__file__).parents[1] / "helpers"
SCRIPT = """
import sys
from pathlib import Path
import test_stop_signal
from tiny_run import train
train(Path(sys.argv[1]), **test_stop_signal.ENDS[sys.argv[2]])
"""
WORKERS = {"train_dataloader.num_workers": 2, "train_dataloader.persistent_workers": True}
ENDS = {
    "signal": WORKERS | dict(custom_hooks=[dict(type="SignalAt", name="SIGTERM", iteration=8, workers=False)]),
    "signal to all": WORKERS | dict(custom_hooks=[dict(type="SignalAt", name="SIGTERM", iteration=8)]),
    "error": WORKERS | {"model.nan_at": 7, "default_hooks.nonfinite.interval": 1},
}


@pytest.mark.parametrize(("end", "status"), [("signal", EXIT_CODE), ("signal to all", EXIT_CODE), ("error", 1)])
def test_the_process_ends(tmp_path: Path, end: str, status: int) -> None:
    words = [sys.executable, "-c", SCRIPT, str(tmp_path), end]
    found = os.pathsep.join([str(HELPERS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": found}
    here = Path(__file__).parent
    ended = subprocess.run(words, cwd=here, env=environment, capture_output=True, text=True, timeout=900)
    assert ended.returncode == status, ended.stderr
    assert ("non-finite loss" in ended.stderr) == (end == "error"), ended.stderr
