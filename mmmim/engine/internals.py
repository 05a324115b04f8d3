"""Access to the private attributes of MMEngine that this package reads or sets, each with the reason.

``tests/engine/test_internals.py`` fails where a release of MMEngine changes one of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, Runner
from torch.utils.data import DataLoader


class Start(NamedTuple):
    """The checkpoint that a Runner will read, and whether it resumes that run or uses its weights only."""

    file: str | None
    resumes: bool


def start_of(runner: Runner) -> Start:
    """Return where the run starts from, which the Runner's constructor stores in private attributes."""
    return Start(runner._load_from, runner._resume)


def set_start(runner: Runner, start: Start) -> None:
    """Change where the run starts from, as ``resume=True`` alone takes the newest file even if it is damaged."""
    runner._load_from, runner._resume = start


def accumulation_of(wrapper: OptimWrapper) -> int:
    """Return the number of batches per optimizer update, which the wrapper keeps in a private attribute."""
    return wrapper._accumulative_counts


def update_val_interval(loop: BaseLoop) -> None:
    """Set ``loop.val_interval`` to that of the current epoch or iteration, which MMEngine only does between steps."""
    loop._decide_current_val_interval()  # type: ignore[attr-defined]


def end_workers(loader: DataLoader) -> Any:
    """End persistent workers now; if a reference cycle ended them later, torch would wait for each of them."""
    loader._iterator = None


def built_loader(runner: Runner, split: str) -> Any:
    """Return the dataloader of ``train``, ``val`` or ``test`` if it is built, else None.

    The Runner's properties would build it.
    """
    loader = getattr(runner, f"_{split}_dataloader")
    loop = getattr(runner, f"_{split}_loop")
    found = getattr(loop, "dataloader", loader)
    return found if hasattr(found, "dataset") else None
