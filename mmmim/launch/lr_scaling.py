from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config

from mmmim.errors import UsageError

ABSOLUTE_SCHEDULER_LRS = ("eta_min", "eta_max", "warmup_lr", "min_lr")


@dataclass(frozen=True)
class BatchSize:
    """The number of images per optimizer update, as the product of three factors."""

    per_process: int
    processes: int
    accumulation: int

    @property
    def effective(self) -> int:
        """Return the number of images of one optimizer update."""
        return self.per_process * self.processes * self.accumulation

    def __str__(self) -> str:
        return (
            f"{self.per_process} per process x {self.processes} process{'es' * (self.processes > 1)}"
            f" x {self.accumulation} accumulation = {self.effective}"
        )


@dataclass
class LrScaling:
    """The result of :func:`scale_lr`: the lr of each optimizer, and lines to print."""

    batch: BatchSize
    lrs: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def short(lr: float) -> str:
    """Return the lr as short text: ``1.5e-4`` for ``0.00015``."""
    text = f"{lr:.6g}" if abs(lr) >= 0.01 or lr == 0 else re.sub(r"\.?0*e", "e", f"{lr:.5e}")
    return re.sub(r"e([+-])0*(\d)", lambda match: f"e{match[1].replace('+', '')}{match[2]}", text)


def optim_wrappers(cfg: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and config of each optimizer wrapper; the name is empty if there is only one."""
    wrapper = cfg.get("optim_wrapper") or {}
    if "optimizer" in wrapper:
        yield "", wrapper
        return
    for name, part in wrapper.items():
        if isinstance(part, dict) and "optimizer" in part:
            yield name, part


def batch_size(cfg: Config, world_size: int, accumulation: int = 1) -> BatchSize:
    """Return the batch size of the training dataloader, or raise a UsageError if the config has none."""
    loader = cfg.get("train_dataloader") or {}
    size = loader.get("batch_size") or (loader.get("batch_sampler") or {}).get("batch_size")
    if size is None:
        raise UsageError("train_dataloader.batch_size is missing: the learning rate and the schedule depend on it")
    return BatchSize(int(size), world_size, accumulation)


def scale_lr(cfg: Config, world_size: int) -> LrScaling:
    """Turn the base lr of ``cfg`` into the lr of this run, in place, and keep MMEngine from scaling it again.

    The lr becomes ``lr * effective / base_batch_size`` with effective = batch per process x processes x accumulation.
    Absolute lrs of the schedulers (``eta_min`` …) are scaled in the same way, ratios and factors stay. With
    ``auto_scale_lr.enable=False``, or without ``auto_scale_lr``, the lr is used as written.

    Raises:
        UsageError: The batch size, ``lr`` or ``base_batch_size`` is missing; the message names the key.
    """
    rule = cfg.get("auto_scale_lr") or {}
    base = int(rule.get("base_batch_size") or 0)
    enabled = bool(rule.get("enable", base > 0))
    if enabled and base < 1:
        raise UsageError("auto_scale_lr.base_batch_size is missing: it says which batch the config's lr is for")
    scaling = LrScaling(batch_size(cfg, world_size))
    for name, wrapper in optim_wrappers(cfg):
        batch = batch_size(cfg, world_size, int(wrapper.get("accumulative_counts", 1)))
        optimizer = wrapper["optimizer"]
        label = f"optim_wrapper.{name + '.' if name else ''}optimizer"
        if optimizer.get("lr") is None:
            raise UsageError(
                f"{label}.lr is missing: give the base lr, or the absolute one with auto_scale_lr.enable=False"
            )
        written = float(optimizer["lr"])
        called = f"lr of {name}" if name else "lr"
        if enabled:
            optimizer["lr"] = written * batch.effective / base
            line = f"{called} {short(written)} x {batch.effective}/{base} = {short(optimizer['lr'])} ({batch})"
        else:
            line = f"{called} {short(written)} as written (auto_scale_lr is off; effective batch: {batch})"
        scaling.batch = batch
        scaling.lrs[name] = float(optimizer["lr"])
        scaling.lines.append(line)
    if enabled:
        scaling.lines += _scale_absolute_lrs(cfg, scaling.batch.effective / base)
        cfg.auto_scale_lr.enable = False
    recipe = rule.get("recipe_batch_size")
    if recipe and scaling.batch.effective != recipe:
        scaling.warnings.append(
            f"effective batch {scaling.batch.effective} differs from the recipe's {recipe}"
            + (" (the lr is scaled, the schedule is not)" if enabled else " and the lr is not scaled to it")
            + _ways_to(recipe, scaling.batch)
        )
    return scaling


def _ways_to(recipe: int, batch: BatchSize) -> str:
    one_update = batch.per_process * batch.processes
    return (
        f"; --accumulate {recipe // one_update} reaches it" if recipe % one_update == 0 and recipe > one_update else ""
    )


def _scale_absolute_lrs(cfg: Config, factor: float) -> list[str]:
    lines = []
    for scheduler in schedulers(cfg.get("param_scheduler")):
        kind = scheduler.get("type")
        if not (kind if isinstance(kind, str) else getattr(kind, "__name__", "")).endswith("LR"):
            continue
        for key in ABSOLUTE_SCHEDULER_LRS:
            if scheduler.get(key):
                scheduler[key] = scheduler[key] * factor
                lines.append(f"{kind}.{key} scaled alike to {short(scheduler[key])}")
    return lines


def schedulers(node: Any) -> Iterator[dict[str, Any]]:
    """Yield all scheduler configs of a config value, which is one config, a list, or lists by optimizer."""
    if isinstance(node, dict):
        if "type" in node:
            yield node
        else:
            for part in node.values():
                yield from schedulers(part)
    elif isinstance(node, (list, tuple)):
        for part in node:
            yield from schedulers(part)
