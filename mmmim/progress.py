"""Show how far something long is: a bar on a terminal, lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_BARS = 0.2


@contextmanager
def progress(unit: str, what: str = "") -> Iterator[Callable[[int, int], None]]:
    """Yield a function of how many are done and how many there are; it shows the rate and the time that is left.

    Args:
        unit: What is counted, such as ``images``.
        what: What is done to them.
    """
    if not sys.stderr.isatty():
        yield _lines(unit, what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TextColumn("{task.fields[rate]}"))
    # without a thread of its own: data workers are forked while the bar is shown
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task("", total=None, rate="")
        shown = time.monotonic()

        def show(done: int, total: int) -> None:
            nonlocal shown
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate="" if speed is None else f"{speed:,.0f} {unit}/s")
            if time.monotonic() >= shown + SECONDS_BETWEEN_BARS or done == total:
                shown = time.monotonic()
                bar.refresh()

        yield show


def track(
    steps: Iterable[T], what: str, total: int, unit: str = "images", size: Callable[[T], int] = lambda _: 1
) -> Iterator[T]:
    """Yield the steps of a loop and show how far it is.

    Args:
        what: What is done, such as ``features of the training images``.
        total: The sum of the steps' sizes.
        unit: What ``size`` counts.
        size: Returns how much a step is.
    """
    done = 0
    with progress(unit, what) as show:
        show(done, total)
        for step in steps:
            yield step
            done += size(step)
            show(done, total)


def _lines(unit: str, what: str) -> Callable[[int, int], None]:
    begin = told = time.monotonic()
    first: int | None = None
    name = f"{what}: " if what else ""

    def show(done: int, total: int) -> None:
        nonlocal told, first
        first = done if first is None else first
        now = time.monotonic()
        if now < told + SECONDS_BETWEEN_LINES:
            return
        told, rate = now, (done - first) / (now - begin)
        left = f", {timedelta(seconds=round((total - done) / rate))} left" if rate else ""
        print(f"{name}{done:,} of {total:,} {unit}, {rate:,.0f} {unit}/s{left}", file=sys.stderr, flush=True)

    return show
