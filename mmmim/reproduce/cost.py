"""The cost of a run, computed without running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmmim.called import as_called
from mmmim.launch.prepare import Settings, prepare
from mmmim.plan.dry_run import data_report, image_shape
from mmmim.plan.flops import flop_counter
from mmmim.plan.memory import ValuesReadAsZero, build_without_storage, fake_copy, training_losses
from mmmim.reproduce.command import MEASURING, Run
from mmmim.reproduce.layout import lengths, read
from mmmim.reproduce.runs import finished

DENSE = ("mmseg", "mmdet")


@dataclass(frozen=True)
class Cost:
    """The cost of a training; ``gflop`` is that of a step per image, forward and backward, None where not countable."""

    epochs: float | None
    images: int | None
    batch: int
    iterations: int | None
    gflop: float | None

    @property
    def exaflop(self) -> float | None:
        """Return the EFLOP of the whole run, or None where they are unknown."""
        seen = None if self.iterations is None else self.iterations * self.batch
        return None if seen is None or self.gflop is None else self.gflop * seen / 1e9

    def __str__(self) -> str:
        parts = [
            "epochs unknown" if self.epochs is None else f"{self.epochs:.4g} epochs",
            "unknown number of images" if self.images is None else f"{self.images:,} images",
            f"batch {self.batch}",
            "iterations unknown" if self.iterations is None else f"{self.iterations:,} iterations",
        ]
        if self.gflop is not None:
            total = "" if self.exaflop is None else f" ({self.exaflop:.3g} EFLOP in all)"
            parts.append(f"{self.gflop:.3g} GFLOP per image{total}")
        return ", ".join(parts)


@cache
def cost(run: Run) -> Cost | None:
    """Return the cost of a training; None for a test or a measurement, which is one pass over the images."""
    if run.tool in MEASURING:
        return None
    cfg = read(run.config, run.with_start())
    layout = run.layout
    length = lengths(layout.words(run.words))
    accumulation, processes = layout.batch.accumulation, layout.processes
    settings = Settings(
        accumulate=accumulation,
        epochs=length.get("epochs"),
        iters=length.get("iters"),
        processes=processes,
        planned=True,
    )
    prepared = prepare(cfg, settings)
    init_default_scope(cfg.get("default_scope") or "mmengine")
    data = data_report(prepared.cfg, "train_dataloader")
    schedule = prepared.schedule(data.images)
    flop = gflop(prepared.cfg, data.sample_shape)
    return Cost(schedule.epochs, data.images, prepared.batch.effective, schedule.updates, flop)


def gflop(cfg: Config, shape: tuple[int, ...] | None) -> float | None:
    """Return the GFLOP of one image in a training step; None for dense heads, which depend on values."""
    if cfg.get("default_scope") in DENSE:
        return None
    model = build_without_storage(cfg)
    shape = shape or image_shape(model, cfg)
    if shape is None:
        return None
    count = 4
    try:
        with fake_copy(model) as fake, ValuesReadAsZero(), flop_counter() as counter:
            losses = training_losses(fake.train(), torch.zeros(count, *shape, dtype=torch.uint8))
            torch.stack([value for key, value in losses.items() if "loss" in key]).sum().backward()
    except RuntimeError:  # an operator without a fake version, or one that depends on values
        return None
    return counter.get_total_flops() / count / 1e9


def describe(runs: Sequence[Run]) -> str:
    """Return every run with its state, cost and command as text."""
    done = sum(finished(run) for run in runs)
    lines = []
    for run in runs:
        price = cost(run)
        lines.append(f"{run.name} [{'done' if finished(run) else 'to do'}]" + (f": {price}" if price else ""))
        if run.tool == "train":
            lines.append(f"  {run.layout}")
        lines.append(as_called(f"  {' '.join(run.command())}"))
    return "\n".join([*lines, f"{len(runs)} runs: {done} done, {len(runs) - done} to do"])
