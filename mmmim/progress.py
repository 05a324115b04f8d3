"""Shows how far a long loop is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
LINE_SECONDS = 30.0  # between two lines where there is no terminal; shorter loops print nothing there
FACTS = "{n_fmt} of {total_fmt}{unit} ({percentage:.0f} %), {rate_noinv_fmt}, {remaining} left"
BAR = "{desc}: |{bar}| " + FACTS
LINE = "{desc}: " + FACTS


def track(
    steps: Iterable[T], what: str, total: int, unit: str = "images", size: Callable[[T], int] = lambda _: 1
) -> Iterator[T]:
    """Yield the steps of a loop and write its progress, rate and remaining time to stderr.

    Args:
        what: What is done, such as ``features of the training images``.
        total: The sum of the steps' sizes.
        unit: What ``size`` counts.
        size: Returns how much a step is.
    """
    done = 0
    with progress(what, total, unit) as show:
        show(done)
        for step in steps:
            yield step
            done += size(step)
            show(done)


@contextmanager
def progress(what: str, total: int, unit: str = "images") -> Iterator[Callable[[int], None]]:
    """Give a function that is told how much is done, and writes as :func:`track` does.

    What is done at its first call was done before: it does not count for the rate.
    """
    if sys.stderr.isatty():
        with tqdm(total=total, desc=what, unit=f" {unit}", bar_format=BAR, dynamic_ncols=True, leave=False) as bar:
            yield _Bar(bar)
    else:
        yield _Lines(what, total, f" {unit}")


class _Bar:
    def __init__(self, bar: tqdm) -> None:
        self.bar, self.begun = bar, False

    def __call__(self, done: int) -> None:
        if self.begun:
            self.bar.update(done - self.bar.n)
            return
        self.begun = True
        self.bar.initial = self.bar.n = done
        self.bar.refresh()


class _Lines:
    def __init__(self, what: str, total: int, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.start = self.last = time.monotonic()
        self.before: int | None = None

    def __call__(self, done: int) -> None:
        self.before = done if self.before is None else self.before
        now = time.monotonic()
        if now - self.last >= LINE_SECONDS:
            self.last = now
            facts = dict(prefix=self.what, unit=self.unit, bar_format=LINE, initial=self.before)
            line = tqdm.format_meter(done, self.total, now - self.start, **facts)
            print(line, file=sys.stderr, flush=True)
