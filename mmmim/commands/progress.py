"""Show how far a long command is: a bar in a terminal, lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress(unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function of how many are done and how many there are; it shows the rate and the time that is left."""
    if not sys.stderr.isatty():
        yield _lines(unit)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, rate="")

        def show(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate="" if speed is None else f"{speed:,.0f} {unit}/s")

        yield show


def _lines(unit: str) -> Callable[[int, int], None]:
    begin = told = time.monotonic()
    first: int | None = None

    def show(done: int, total: int) -> None:
        nonlocal told, first
        first = done if first is None else first
        now = time.monotonic()
        if now < told + SECONDS_BETWEEN_LINES:
            return
        told, rate = now, (done - first) / (now - begin)
        left = f", {(total - done) / rate / 60:,.0f} minutes left" if rate else ""
        print(f"{done:,} of {total:,} {unit}, {rate:,.0f} {unit}/s{left}", file=sys.stderr, flush=True)

    return show
