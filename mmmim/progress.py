"""Shows how far a long loop is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
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
    shown = _on_terminal if sys.stderr.isatty() else _in_lines
    yield from shown(steps, what, total, f" {unit}", size)


def _on_terminal(steps: Iterable[T], what: str, total: int, unit: str, size: Callable[[T], int]) -> Iterator[T]:
    with tqdm(total=total, desc=what, unit=unit, bar_format=BAR, dynamic_ncols=True, leave=False, smoothing=0.1) as bar:
        for step in steps:
            yield step
            bar.update(size(step))


def _in_lines(steps: Iterable[T], what: str, total: int, unit: str, size: Callable[[T], int]) -> Iterator[T]:
    start = last = time.monotonic()
    done = 0
    for step in steps:
        yield step
        done += size(step)
        now = time.monotonic()
        if now - last >= LINE_SECONDS:
            last = now
            line = tqdm.format_meter(done, total, now - start, prefix=what, unit=unit, bar_format=LINE)
            print(line, file=sys.stderr, flush=True)
