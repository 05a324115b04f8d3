"""Make runs longer or shorter while keeping the shape of the config's learning rate curve."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.launch.lr_scaling import schedulers
from mmmim.launch.schedule import only_rises

UNITS = {"max_epochs": "epochs", "max_iters": "iters"}
BOUNDARY_KEYS = ("begin", "end", "T_max", "warmup")
INNER_KEYS = ("milestones", "step_size", "periods", "total_steps")


def use_length(cfg: Config, epochs: int | None = None, iters: int | None = None) -> None:
    """Train for ``epochs`` or ``iters``, and stretch the validation interval and every scheduler by the same factor.

    Lengths of schedulers that are converted to iterations may become fractions of an epoch; others are rounded to whole
    epochs or iterations. Checkpoint and logging intervals stay.

    Raises:
        UsageError: The length is below 1, in another unit than the config's, or too short for a scheduler that is
            stepped by epoch.
    """
    wanted, option = (epochs, "epochs") if iters is None else (iters, "iters")
    if wanted is None:
        return
    given = f"--{option} {wanted}"
    key, length = run_length(cfg)
    if UNITS[key] != option:
        raise UsageError(f"{given}: this config counts its run by train_cfg.{key}={length}: use --{UNITS[key]} N")
    if wanted < 1:
        raise UsageError(f"{given}: at least 1")
    factor = Fraction(wanted, length)
    cfg.train_cfg[key] = wanted
    for name in ("val_interval", "val_begin"):
        if cfg.train_cfg.get(name):
            cfg.train_cfg[name] = _whole(cfg.train_cfg[name], factor)
    for scheduler in schedulers(cfg.get("param_scheduler")):
        _stretch(scheduler, factor)
        if scheduler.get("end") is not None and scheduler["end"] <= scheduler.get("begin", 0):
            raise UsageError(
                f"{given} leaves nothing of {scheduler['type']}, which is stepped once per epoch; give it "
                "convert_to_iter_based=True, or train longer"
            )


def check_loops(cfg: Config) -> None:
    """Refuse invalid lengths and intervals of the loops, and a validation that lacks a part.

    Raises:
        UsageError: A value is invalid; the message names the key, its value and what it may be.
    """
    loop = cfg.train_cfg
    for key in ("max_epochs", "max_iters", "val_interval", "stop_after"):
        value = loop.get(key)
        if value is not None and not (isinstance(value, (int, float)) and value >= 1 and int(value) == value):
            raise UsageError(f"train_cfg.{key}={value!r} must be a whole number from 1 on")
    if loop.get("max_epochs") is None and loop.get("max_iters") is None:
        raise UsageError("train_cfg: the length of the run is missing; set max_epochs or max_iters")
    parts = ("val_dataloader", "val_cfg", "val_evaluator")
    lacking = [key for key in parts if cfg.get(key) is None]
    if 0 < len(lacking) < len(parts):
        raise UsageError(
            f"a validation needs {', '.join(parts)}, but {' and '.join(lacking)} is None; set all of them or none"
        )


def run_length(cfg: Config) -> tuple[str, int]:
    """Return ``("max_epochs", N)`` or ``("max_iters", N)``."""
    key = "max_epochs" if cfg.train_cfg.get("max_epochs") is not None else "max_iters"
    return key, int(cfg.train_cfg[key])


def length_warnings(cfg: Config) -> list[str]:
    """Return warnings if the loop and its schedulers end at different steps; the epoch's length need not be known."""
    key, length = run_length(cfg)
    ending = [each for each in schedulers(cfg.get("param_scheduler")) if not only_rises(each)]
    comparable = [each for each in ending if each.get("by_epoch", True) == (key == "max_epochs")]
    if not comparable or len(comparable) < len(ending) or any(each.get("end") is None for each in comparable):
        return []
    last = max(each["end"] for each in comparable)
    if last == length:
        return []
    effect = "the lr stays where it is for the rest" if last < length else "the run stops before its schedule does"
    return [
        f"train_cfg.{key}={length}, but the schedulers end at {last}: {effect}; --{UNITS[key]} {length} in place of "
        f"train_cfg.{key} stretches both"
    ]


def _stretch(scheduler: dict[str, Any], factor: Fraction) -> None:
    fractions = scheduler.get("convert_to_iter_based", False)
    for key in (*BOUNDARY_KEYS, *INNER_KEYS):
        value = scheduler.get(key)
        # MMEngine compares its milestones with whole iterations.
        scale = _exact if fractions and (key in BOUNDARY_KEYS or "warmup" in scheduler) else _whole
        if isinstance(value, (list, tuple)):
            scheduler[key] = [scale(each, factor) for each in value]
        elif value:
            scheduler[key] = scale(value, factor)


def _exact(value: float, factor: Fraction) -> float:
    scaled = Fraction(str(value)) * factor
    return int(scaled) if scaled.denominator == 1 else float(scaled)


def _whole(value: float, factor: Fraction) -> int:
    return max(1, round(Fraction(str(value)) * factor))
