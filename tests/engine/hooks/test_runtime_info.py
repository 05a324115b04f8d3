from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.hooks import Hook
from tiny_run import train

from mmmim.errors import UsageError
from mmmim.registry import HOOKS


@HOOKS.register_module(force=True)
class Lengths(Hook):
    """Notes how many losses wait on the device after each step."""

    priority = "LOWEST"

    waiting: list[int]

    def before_train(self, runner) -> None:
        Lengths.waiting = []

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        (hook,) = [each for each in runner.hooks if type(each).__name__ == "BufferedRuntimeInfoHook"]
        Lengths.waiting.append(len(hook.losses))


def test_losses_wait_until_a_line_is_logged(tmp_path: Path) -> None:
    runner = train(tmp_path, custom_hooks=[dict(type="Lengths")], **{"default_hooks.logger.interval": 4})
    assert Lengths.waiting[:4] == [1, 2, 3, 0]
    logged = runner.message_hub.get_scalar("train/loss_rec").data[0]
    assert logged.tolist() == pytest.approx(runner.model.losses[: len(logged)])


def test_no_more_than_the_history_is_kept(tmp_path: Path) -> None:
    options = {"default_hooks.runtime_info.history": 5, "log_processor.window_size": 4}
    runner = train(tmp_path, custom_hooks=[dict(type="Lengths")], **{"default_hooks.logger.interval": 1000, **options})
    assert max(Lengths.waiting) <= 5
    assert len(runner.message_hub.get_scalar("train/loss_rec").data[0]) <= 5


def test_another_log_processor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"log_processor: .*ThroughputLogProcessor.*; got LogProcessor"):
        train(tmp_path, log_processor=dict(_delete_=True, type="LogProcessor"))
