"""Everything of MMEngine without a public name that this package reads or sets, each with the reason.

``tests/engine/test_internals.py`` fails where a release of MMEngine changes one of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, Runner
from torch.utils.data import DataLoader


class Start(NamedTuple):
    """The checkpoint that a Runner is going to read, and whether it resumes the run of it or takes its weights only."""

    file: str | None
    resumes: bool


def start_of(runner: Runner) -> Start:
    """Return where the run starts from: the Runner takes it in its constructor and does not show it."""
    return Start(runner._load_from, runner._resume)


def set_start(runner: Runner, start: Start) -> None:
    """Change where the run starts from: ``resume=True`` alone would take the newest file, whether it is good or not."""
    runner._load_from, runner._resume = start


def accumulation_of(wrapper: OptimWrapper) -> int:
    """Return the batches of an optimizer update: the wrapper takes them in its constructor and does not show them."""
    return wrapper._accumulative_counts


def settle_val_interval(loop: BaseLoop) -> None:
    """Let ``loop.val_interval`` be that of the current epoch or iteration, which MMEngine does between steps only."""
    loop._decide_current_val_interval()  # type: ignore[attr-defined]


def end_workers(loader: DataLoader) -> Any:
    """End persistent workers now: in a reference cycle that is collected later, each would be waited for (torch)."""
    loader._iterator = None
