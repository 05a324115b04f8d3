"""A training in a process of its own, with data workers: whatever ends it, the process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tiny_run import STEP_LOSSES, SignalAt, losses, saving, tiny_config, train

from mmmim.checkpoint.reader import read_file
from mmmim.engine.stop_signal import EXIT_CODE, INTERRUPTED

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


def test_ctrl_c_saves_once(tmp_path: Path) -> None:
    hooks = [STEP_LOSSES, dict(type="SignalAt", name="SIGINT", iteration=4)]
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "run", custom_hooks=hooks)
    assert stopped.value.code == INTERRUPTED == 130
    assert read_file(tmp_path / "run" / "rolling.pth")["meta"]["iter"] == 5
    train(tmp_path / "run", resume=True)
    train(tmp_path / "straight")
    assert losses(tmp_path / "run") == losses(tmp_path / "straight")


class InterruptsTwice(Hook):
    """Sends Ctrl-C twice within a step."""

    def before_train_iter(self, runner, *args, **kwargs) -> None:
        if runner.iter == 4:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    runner = Runner.from_cfg(tiny_config(tmp_path))
    runner.register_hook(InterruptsTwice())
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert not list(tmp_path.glob("*.pth"))


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_signal_saves_and_exits(tmp_path: Path, name: str, accumulation: int) -> None:
    before = signal.getsignal(signal.Signals[name])
    changes = {"train_dataloader.num_workers": 2, "optim_wrapper.accumulative_counts": accumulation}
    train(tmp_path / "straight", **changes)
    hooks = [STEP_LOSSES, dict(type=SignalAt, name=name, iteration=8)]
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "killed", custom_hooks=hooks, **changes)
    assert stopped.value.code == EXIT_CODE == 75
    assert signal.getsignal(signal.Signals[name]) is before
    resumed = train(tmp_path / "killed", resume=True, **changes)
    assert resumed.model.steps[0] == (0, 9 if accumulation == 1 else 12)
    assert losses(tmp_path / "killed") == losses(tmp_path / "straight")


def test_unknown_signal_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"signals: .* got \['SIGNAL'\]"):
        train(tmp_path, **saving(3, signals=["SIGNAL"]))
