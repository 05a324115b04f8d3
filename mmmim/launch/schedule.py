from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from mmmim.launch.lr_scaling import BatchSize, schedulers

SHORT_WARMUP_FACTOR = 10  # a warm-up that is so many times shorter than the recipe's is worth a warning


@dataclass(frozen=True)
class Schedule:
    """The lengths of a training run; a length is None if it depends on data that is missing."""

    epochs: float | None
    steps_per_epoch: int | None
    iterations: int | None
    updates: int | None
    warmup_iterations: int | None


def steps_per_epoch(cfg: Config, num_images: int, batch: BatchSize) -> int:
    """Return the batches of one process in an epoch, as MMEngine's and this project's samplers divide the images."""
    loader = cfg.train_dataloader
    if loader.get("num_batch_per_epoch"):
        return int(loader.num_batch_per_epoch)
    drop_last = loader.get("drop_last", False) or (loader.get("batch_sampler") or {}).get("drop_last", False)
    per_process = math.ceil(num_images / batch.processes)
    return per_process // batch.per_process if drop_last else math.ceil(per_process / batch.per_process)


def schedule_of(cfg: Config, num_images: int | None, batch: BatchSize) -> Schedule:
    """Return epochs, iterations (batches per process), optimizer updates and warm-up of the run of ``cfg``."""
    loop = cfg.train_cfg
    steps = None if num_images is None else steps_per_epoch(cfg, num_images, batch)
    if loop.get("max_epochs") is not None:
        epochs: float | None = loop.max_epochs
        iterations = None if steps is None else steps * loop.max_epochs
    else:
        iterations = loop.max_iters
        seen = iterations * batch.per_process * batch.processes
        epochs = None if num_images is None else seen / num_images
    updates = None if iterations is None else math.ceil(iterations / batch.accumulation)
    return Schedule(epochs, steps, iterations, updates, _warmup(cfg, steps, iterations))


def warmup_warnings(cfg: Config, num_images: int | None, batch: BatchSize) -> list[str]:
    """Return a warning if a warm-up counted in epochs has at most a tenth of the recipe's updates, for lack of images.

    The recipe's number of images is ``auto_scale_lr.recipe_num_images``, or else ``assumed_num_images``.
    """
    rule = cfg.get("auto_scale_lr") or {}
    meant, whole = rule.get("recipe_num_images") or cfg.get("assumed_num_images"), rule.get("recipe_batch_size")
    if num_images is None or not meant or not whole:
        return []
    recipe = Config.fromfile(cfg.filename, import_custom_modules=False) if cfg.filename else cfg  # with its own length
    wanted = schedule_of(recipe, int(meant), BatchSize(int(whole), 1, 1)).warmup_iterations or 0
    updates = (schedule_of(cfg, num_images, batch).warmup_iterations or 0) // batch.accumulation
    if updates * SHORT_WARMUP_FACTOR > wanted or not wanted:
        return []
    return [
        f"the warm-up has {updates:,} updates on these {num_images:,} images, where the recipe's {meant:,} images make "
        f"{wanted:,}: the lr rises that much faster; --epochs N stretches the whole schedule, or take a lower lr"
    ]


def _warmup(cfg: Config, steps: int | None, iterations: int | None) -> int | None:
    """Return the iterations until the last scheduler that starts at 0 and raises the lr has ended, or 0 without one."""
    last = 0
    for scheduler in schedulers(cfg.get("param_scheduler")):
        end = scheduler.get("warmup", scheduler.get("end") if only_rises(scheduler) else None)
        if end is None or scheduler.get("begin", 0) != 0:
            continue
        if scheduler.get("by_epoch", True):
            if steps is None:
                return None
            end *= steps
        if iterations is None or end < iterations:
            last = max(last, int(end))
    return last


def only_rises(scheduler: dict[str, Any]) -> bool:
    """Return whether ``scheduler`` is a warm-up that another scheduler follows."""
    kind = str(scheduler.get("type")).rpartition(".")[2]
    return "warmup" not in scheduler and (kind in ("LinearLR", "ConstantLR") or "armup" in kind)
