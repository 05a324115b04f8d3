from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.dist import get_rank, get_world_size

from mmmim.engine.watchdog import Watchdog
from mmmim.errors import UsageError
from mmmim.registry import HOOKS

from .releasing import ReleasingHook


@HOOKS.register_module()
class WatchdogHook(ReleasingHook):
    """Reports which process hangs, and where, when the training took no step for some time.

    The report is a line on the standard error output, and ``<work_dir>/watchdog`` holds the stacks of all processes. A
    process whose launcher was killed ends by itself.

    Args:
        minutes: Time without a step of training, validation or test; 0 for no report. Choose less than the time after
            which the backend gives up (30 minutes for gloo, 10 for NCCL).
    """

    priority = "LOWEST"

    def __init__(self, minutes: float = 8.0) -> None:
        if minutes < 0:
            raise UsageError(f"minutes: expected a time from 0 (no report) on, got {minutes}")
        self.seconds = 60 * minutes
        self.watchdog: Watchdog | None = None

    def before_train(self, runner: Any) -> None:
        if self.seconds and get_world_size() > 1:
            self.watchdog = Watchdog(Path(runner.work_dir, "watchdog"), get_rank(), get_world_size(), self.seconds)
            self.watchdog.start()

    def after_train(self, runner: Any) -> None:
        if self.watchdog is not None:
            self.watchdog.stop()
            self.watchdog = None

    def release(self) -> None:
        if self.watchdog is not None:  # the training failed
            self.watchdog.stop(keep_signs=True)
            self.watchdog = None

    def _after_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None, mode: str = "train"
    ) -> None:
        if self.watchdog is not None:
            self.watchdog.step()

    def before_checkpoint(self, runner: Any) -> None:
        """Note that training goes on; ``SafeCheckpointHook`` calls it before it saves."""
        if self.watchdog is not None:
            self.watchdog.step()
