"""Measure the first steps of a prepared run on its own data."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmengine.hooks import Hook

from mmmim.launch.prepare import PreparedRun
from mmmim.launch.runner import build_runner

from .step import training_only
from .turns import clocks

WARMUP = 3
FEWEST = 2  # steps that are timed, however long they take


@dataclass(frozen=True)
class StepTime:
    """The time of a step as the mean of so many steps.

    Attributes:
        seconds: With the wait for data, and for other programs.
        steps: How many were timed.
        cpu_seconds: CPU time of this process on all its cores.
    """

    seconds: float
    steps: int
    cpu_seconds: float = 0.0

    def hours(self, steps: int) -> float:
        """Return the hours of so many steps."""
        return self.seconds * steps / 3600


class StepClock(Hook):
    """A hook that times ``steps`` steps after :data:`WARMUP` others, or as many as ``limit`` seconds allow.

    Slow steps warm up sooner: no further one does after a quarter of the limit.
    """

    def __init__(self, steps: int, limit: float, show: Callable[[int, int], None]) -> None:
        self.steps, self.limit, self.show = steps, limit, show
        self.done = -WARMUP
        self.begun = self.now = (0.0, 0.0)

    def before_train(self, runner: Any) -> None:
        self.begun = clocks()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.now = clocks()
        self.done += 1
        if self.done < 0 and self.now[0] > self.begun[0] + self.limit / 4:
            self.done = 0
        if self.done == 0:
            self.begun = self.now
        self.show(max(0, self.done), self.steps)
        if self.done >= self.steps or (self.done >= FEWEST and self.now[0] > self.begun[0] + self.limit):
            runner.train_loop.stop_after = 1  # step of the run, which is over then


def time_steps(
    prepared: PreparedRun,
    steps: int = 20,
    limit: float = 120.0,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> StepTime:
    """Return the time of a step of a run; nothing of the run is kept.

    Args:
        steps: How many are timed.
        limit: Seconds after which no further step is begun.
        show: Is called with the number of steps that are done, and of all.
    """
    cfg = copy.deepcopy(prepared.cfg)
    clock = StepClock(steps, limit, show)
    with tempfile.TemporaryDirectory() as folder:
        runner = build_runner(training_only(cfg, folder))
        runner.register_hook(clock, "LOWEST")
        runner.train()
    seconds, cpu_seconds = ((end - begin) / clock.done for begin, end in zip(clock.begun, clock.now, strict=True))
    return StepTime(seconds, clock.done, cpu_seconds)
