from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mmmim.engine.hooks import watchdog as module
from mmmim.engine.hooks.watchdog import WatchdogHook
from mmmim.errors import UsageError


class FakeWatchdog:
    """Notes what the hook asks for."""

    def __init__(self, *given: object) -> None:
        self.given, self.called = given, []

    def start(self) -> None:
        self.called.append("start")

    def step(self) -> None:
        self.called.append("step")

    def stop(self, keep_signs: bool = False) -> None:
        self.called.append("stop and keep" if keep_signs else "stop")


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.setattr(module, "Watchdog", FakeWatchdog)
    monkeypatch.setattr(module, "get_world_size", lambda: 2)
    monkeypatch.setattr(module, "get_rank", lambda: 1)
    return SimpleNamespace(work_dir=str(tmp_path))


def test_steps_and_checkpoints_are_signs_of_life(runner: SimpleNamespace, tmp_path: Path) -> None:
    hook = WatchdogHook(minutes=2)
    hook.before_train(runner)
    watchdog = hook.watchdog
    hook.after_train_iter(runner, 0)
    hook.after_val_iter(runner, 0)
    hook.before_checkpoint(runner)
    hook.after_train(runner)
    hook.after_test_iter(runner, 0)  # after the training nobody watches
    assert watchdog.given == (tmp_path / "watchdog", 1, 2, 120)
    assert watchdog.called == ["start", "step", "step", "step", "stop"] and hook.watchdog is None


def test_a_training_that_failed_keeps_its_signs(runner: SimpleNamespace) -> None:
    hook = WatchdogHook()
    hook.release()
    hook.before_train(runner)
    watchdog = hook.watchdog
    hook.release()
    assert watchdog.called == ["start", "stop and keep"] and hook.watchdog is None


@pytest.mark.parametrize(("minutes", "processes"), [(0, 2), (8, 1)])
def test_nobody_watches_a_single_process_or_for_no_time(
    minutes: float, processes: int, runner: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "get_world_size", lambda: processes)
    hook = WatchdogHook(minutes)
    hook.before_train(runner)
    assert hook.watchdog is None


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(UsageError, match=r"minutes: expected a time from 0 \(no report\) on, got -1"):
        WatchdogHook(-1)
