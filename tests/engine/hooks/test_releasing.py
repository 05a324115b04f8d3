"""A training that fails leaves nothing of its own in the process."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from mmengine.hooks import Hook
from tiny_run import tiny_config

from mmmim.engine.hooks import watchdog as watchdog_hook
from mmmim.launch.building import CheckedRunner

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class FailsInAStep(Hook):
    def before_train_iter(self, *args: Any, **kwargs: Any) -> None:
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        assert any(thread.name == "watchdog" for thread in threading.enumerate())
        raise ZeroDivisionError


def test_handlers_and_threads_of_a_failed_training_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_hook, "get_world_size", lambda: 2)
    before = [signal.getsignal(number) for number in SIGNALS]
    runner = CheckedRunner.from_cfg(tiny_config(tmp_path))
    runner.register_hook(watchdog_hook.WatchdogHook())
    runner.register_hook(FailsInAStep())
    with pytest.raises(ZeroDivisionError):
        runner.train()
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())
