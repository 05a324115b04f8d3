from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mmengine.dist import get_world_size
from mmengine.runner import IterBasedTrainLoop, Runner

from mmmim.engine.log_processor import batch_size_of

from .monitor import Monitor
from .releasing import ReleasingHook

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_BETWEEN_DRAWINGS = 0.2
RATE_STEPS = 50  # over which images per second are averaged
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 32  # characters of a sparkline


class LiveProgressHook(ReleasingHook):
    """A hook that shows on a terminal how far a training is, below the lines of the log.

    There is a bar of the epoch, images per second, the time that is left, a sparkline of the loss and what monitors
    measured last. The loss is that of the message hub, which the log lines fill, so that no step waits for the device.
    It is drawn after steps, without a thread of its own, because data workers are forked while it is shown.

    Args:
        console: The terminal. While the training runs, the console's handler of the run's logger writes through it.
    """

    priority = "LOWEST"

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live: Any = None
        self.handlers: list[tuple[logging.StreamHandler, Any]] = []
        self.times: deque[float] = deque(maxlen=RATE_STEPS + 1)
        self.drawn = 0.0
        self.losses: list[float] = []  # the mean of the steps of each log line
        self.logged = 0  # steps up to the last one

    def before_train(self, runner: Runner) -> None:
        from rich.live import Live

        self.logged = runner.iter
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self.live.start()
        for handler in runner.logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                self.handlers.append((handler, handler.setStream(_Lines(self.console))))

    def before_train_epoch(self, runner: Runner) -> None:
        self.times.clear()  # a validation or a monitor between two epochs is no slow step
        self.times.append(time.monotonic())

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        now = time.monotonic()
        self.times.append(now)
        if self.live is not None and now >= self.drawn + SECONDS_BETWEEN_DRAWINGS:
            self.drawn = now
            self.live.update(self.drawing(runner, batch_idx + 1, runner.iter + 1), refresh=True)

    def before_log(self, runner: Runner) -> None:
        """Note the loss of the steps since the last log line; ``ThroughputLogProcessor`` calls it before a line."""
        if (loss := runner.message_hub.log_scalars.get("train/loss")) is not None:
            self.losses.append(float(loss.mean(max(1, runner.iter + 1 - self.logged))))
            self.logged = runner.iter + 1

    def after_train_epoch(self, runner: Runner) -> None:
        if self.live is not None:
            self.live.update(self.drawing(runner, len(runner.train_dataloader), runner.iter), refresh=True)

    def release(self) -> None:
        """Remove the drawing and give the handlers their streams back."""
        for handler, stream in self.handlers:
            handler.setStream(stream)
        self.handlers.clear()
        if self.live is not None:
            self.live.stop()
            self.live = None

    def drawing(self, runner: Runner, of_epoch: int, of_run: int) -> Any:
        """Return what is drawn after so many steps of the epoch and of the run."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        per_epoch = len(runner.train_dataloader)
        by_epoch = not isinstance(runner.train_loop, IterBasedTrainLoop)
        done, total = (of_epoch, per_epoch) if by_epoch else (of_run, runner.max_iters)
        name = f"epoch {runner.epoch + 1}/{runner.max_epochs}" if by_epoch else "step"
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text(name),
            ProgressBar(total=total, completed=done, width=WIDTH),
            Text(f"{done}/{total}"),
            Text(self._speed(runner, runner.max_iters - of_run)),
        )
        values = [f"{name} {value:.4g}" for name, value in self._newest(runner).items()]
        if self.losses:
            values.insert(0, f"loss {sparkline(self.losses)} {self.losses[-1]:.4g}")
        return Group(bar, Text("  ".join(values), overflow="ellipsis", no_wrap=True))

    def _speed(self, runner: Runner, remaining: int) -> str:
        """Return images per second of all processes, and the time that the remaining steps will take."""
        seconds = self.times[-1] - self.times[0]
        if not seconds:
            return ""
        steps = (len(self.times) - 1) / seconds
        images = steps * (batch_size_of(runner.train_dataloader) or 1) * get_world_size()
        left = timedelta(seconds=round(remaining / steps))
        return f"{images:,.0f} images/s  {left} left"

    @staticmethod
    def _newest(runner: Runner) -> Mapping[str, float]:
        monitors = [hook.newest for hook in runner.hooks if isinstance(hook, Monitor)]
        return {name: value for newest in monitors for name, value in newest.items()}


class _Lines:
    """A stream that writes above what a console shows."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def write(self, text: str) -> None:
        from rich.text import Text

        if text.strip():
            self.console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)

    def flush(self) -> None:
        """Do nothing: the console writes at once."""


def sparkline(values: list[float], width: int = WIDTH) -> str:
    """Return a line of bars: the means of at most ``width`` equal parts of the values, between their extremes."""
    parts = min(width, len(values))
    edges = [index * len(values) // parts for index in range(parts + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    top = len(BARS) - 1
    return "".join(BARS[round(top * (mean - low) / (high - low)) if high > low else 0] for mean in means)
