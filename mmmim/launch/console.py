"""The console of a run: one screen about what it will do. MMEngine's details are in the file of the log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmengine.runner import Runner

from mmmim.engine.hooks import LiveProgressHook
from mmmim.launch.prepare import PreparedRun

if TYPE_CHECKING:
    from rich.console import Console

# Beginnings and ends of records that go to the file alone: they are long, or say what holds for every run.
DETAILS = (
    "\n------------------------------------------------------------\nSystem environment",
    "Config:\n",
    "Hooks will be executed in the following order",
    "Distributed training is not used, all SyncBatchNorm",
    "Checkpoints will be saved to",
    "Exp name: ",
)
FROZEN = " is skipped since its requires_grad=False"
# Beginnings of records that say nothing about the run: one per parameter, and on renamed classes of MMEngine.
NOTHING = ("paramwise_options", '"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


def quieten(logger: logging.Logger) -> None:
    """Let the console leave out what is in the log's file, and both leave out what says nothing."""
    logger.addFilter(lambda record: not str(record.msg).startswith(NOTHING))
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.addFilter(lambda record: not _is_detail(str(record.msg)))


def _is_detail(message: str) -> bool:
    return message.startswith(DETAILS) or message.endswith(FROZEN)


def show_progress(runner: Runner) -> None:
    """Show on a terminal how far the run is; a file or a pipe has the lines of the log alone."""
    if (console := _terminal()) is not None:
        runner.register_hook(LiveProgressHook(console))


def _terminal() -> Console | None:
    """Return the terminal that the standard output is, if it can be drawn on."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    console = Console()
    return console if console.is_interactive else None


def announce(runner: Runner, prepared: PreparedRun) -> None:
    """Log in one screen what is trained, on what, for how long, and where the results go."""
    rows = dict(_rows(runner, prepared))
    width = max(map(len, rows))
    lines = [f"  {name:{width}}  {text}" for name, text in rows.items()]
    runner.logger.info("\n".join([f"training {prepared.cfg.filename or 'a config'}", *lines]))


def _rows(runner: Runner, prepared: PreparedRun) -> Iterator[tuple[str, str]]:
    cfg, batch = prepared.cfg, prepared.batch
    dataset: Any = runner.train_loop.dataloader.dataset
    model: Any = getattr(runner.model, "module", runner.model)
    backbone = getattr(model, "backbone", model)
    whole, encoder = (sum(parameter.numel() for parameter in each.parameters()) for each in (model, backbone))
    yield (
        "model",
        f"{type(model).__name__}, {_millions(whole)} parameters; {type(backbone).__name__} {_millions(encoder)}",
    )
    yield "data", f"{len(dataset):,} of {type(getattr(dataset, 'dataset', dataset)).__name__}"
    yield "batch", str(batch)
    for line in prepared.arithmetic:
        yield "lr", line.removeprefix("lr ")
    schedule = prepared.schedule(len(dataset))
    length = "" if schedule.epochs is None else f"{schedule.epochs:.4g} epochs, "
    yield "length", f"{length}{schedule.iterations or 0:,} steps"
    device = next(iter(model.parameters())).device.type
    yield "device", f"{device}, {str(prepared.precision).removeprefix('torch.')}"
    yield "results", str(cfg.work_dir)
    for handler in runner.logger.handlers:
        if isinstance(handler, logging.FileHandler):
            yield "details", f"{os.path.relpath(handler.baseFilename)}: versions, the whole config, hooks"


def _millions(count: int) -> str:
    return f"{count / 1e6:.3g} M"
