"""The rolling checkpoint: written by time, in the background, from a copy, and saved once on Ctrl-C."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tiny_run import losses, tiny_config, train

from mmmim.checkpoint.reader import read_file
from mmmim.engine import background_save
from mmmim.engine.background_save import BackgroundWriter
from mmmim.engine.hooks import checkpoint as hook_module
from mmmim.errors import UsageError

ROLLING = {"default_hooks.checkpoint.rolling_minutes": 1.0}


class Clock:
    """A clock that goes on by 25 seconds whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 25
        return self.now


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the iterations at which a rolling checkpoint is written."""
    found: list[int] = []
    write = BackgroundWriter.write

    def spy(self: Any, content: Any, path: Path, then: Any) -> None:
        found.append(content["meta"]["iter"])
        write(self, content, path, then)

    monkeypatch.setattr(BackgroundWriter, "write", spy)
    return found


def test_it_is_written_by_time(tmp_path: Path, saves: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_module, "time", Clock())
    train(tmp_path, **ROLLING, **{"train_cfg.stop_after": 10})
    assert saves == [3, 6, 9]  # the third reading after a save is 75 seconds later
    assert read_file(tmp_path / "rolling.pth")["meta"]["iter"] == 9
    assert (tmp_path / "last_checkpoint").read_text(encoding="utf-8") == "rolling.pth"


def test_a_checkpoint_of_the_interval_starts_the_time_anew(
    tmp_path: Path, saves: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook_module, "time", Clock())
    changes = {"default_hooks.checkpoint.interval": 2, "default_hooks.checkpoint.by_epoch": False}
    train(tmp_path, **ROLLING, **changes, **{"train_cfg.stop_after": 10})
    assert saves == []


def test_zero_minutes_are_never(tmp_path: Path, saves: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_module, "time", Clock())
    train(tmp_path, **{"default_hooks.checkpoint.rolling_minutes": 0, "train_cfg.stop_after": 10})
    assert saves == []
    with pytest.raises(UsageError, match="rolling_minutes: expected minutes from 0"):
        train(tmp_path, **{"default_hooks.checkpoint.rolling_minutes": -1})


@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path, accumulation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"optim_wrapper.accumulative_counts": accumulation}
    straight = train(tmp_path / "straight", **changes)
    monkeypatch.setattr(hook_module, "time", Clock())
    train(tmp_path / "killed", **changes, **ROLLING, **{"train_cfg.stop_after": 11})
    at = read_file(tmp_path / "killed" / "rolling.pth")["meta"]["iter"]
    assert 0 < at < 11 and at % accumulation == 0
    resumed = train(tmp_path / "killed", **changes, resume=True)
    assert resumed.model.steps[0] == (0, at) and losses(tmp_path / "killed") == losses(tmp_path / "straight")
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name])


def test_steps_do_not_wait_for_the_disk_and_change_nothing_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is held up until the run has gone on for five steps."""
    going_on, real = threading.Event(), torch.save
    monkeypatch.setattr(hook_module, "time", Clock())
    monkeypatch.setattr(background_save.torch, "save", lambda *args: (going_on.wait(900), real(*args)))

    class Release(Hook):
        def after_train_iter(self, runner, *args, **kwargs) -> None:
            if runner.iter == 4:  # the sixth save would wait
                going_on.set()

    changes = {"default_hooks.checkpoint.rolling_minutes": 2.5, "train_cfg.stop_after": 6}
    runner = Runner.from_cfg(tiny_config(tmp_path, **changes))
    runner.register_hook(Release())
    runner.train()
    monkeypatch.undo()
    stored = read_file(tmp_path / "rolling.pth")
    again = train(tmp_path / "again", **{"train_cfg.stop_after": stored["meta"]["iter"]})
    assert all(torch.equal(stored["state_dict"][name], value) for name, value in again.model.state_dict().items())


def test_a_failed_write_is_logged_and_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hook_module, "time", Clock())
    monkeypatch.setattr(background_save.torch, "save", full)
    assert train(tmp_path, **ROLLING, **{"train_cfg.stop_after": 10}).iter == 10
    said = capfd.readouterr()
    assert "Could not write rolling.pth: [Errno 28] No space left on device" in said.out + said.err
    assert not list(tmp_path.glob("*.pth")) and not list(tmp_path.glob(".*.tmp"))
