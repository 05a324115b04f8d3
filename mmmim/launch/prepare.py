"""The one preparation of a training: what runs, plans, costs and golden losses start from."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.launch import options
from mmmim.launch.data_paths import check_paths
from mmmim.launch.dense_checks import check_dense
from mmmim.launch.lr_scaling import BatchSize, scale_lr
from mmmim.launch.run_length import check_loops, length_warnings, use_length
from mmmim.launch.schedule import Schedule, schedule_of, warmup_warnings

NEEDED = ("train_dataloader", "train_cfg", "optim_wrapper")
LOADERS = ("train_dataloader", "val_dataloader")


@dataclass(frozen=True)
class Settings:
    """What a command line asks of a training, beside the options that are in its config already.

    Args:
        data: Folder of images in place of the config's data.
        checkpoint: Where the backbone starts from; ``none`` for random weights.
        resume: A checkpoint to continue from, ``latest`` or ``auto``.
        amp: Precision of the step: ``bf16``, ``fp16`` or ``off``.
        accumulate: Batches of an optimizer update.
        epochs, iters: Length of the run, to which the schedule stretches.
        processes: World size.
        planned: Nothing will be trained here: data and checkpoint may be missing.
    """

    data: str | None = None
    checkpoint: str | None = None
    resume: str | None = None
    amp: str | None = None
    accumulate: int | None = None
    epochs: int | None = None
    iters: int | None = None
    processes: int = 1
    planned: bool = False


@dataclass(frozen=True)
class PreparedRun:
    """A training whose batch, learning rates and length are settled.

    Args:
        cfg: What the Runner is built from.
        batch: Images of an optimizer update.
        lrs: Learning rate of each optimizer, ``""`` where there is one.
        arithmetic: How the learning rates came about, a line each.
        precision: Of the forward pass on the device that the config is meant for.
        remarks: What is allowed and may not be meant.
    """

    cfg: Config
    batch: BatchSize
    lrs: Mapping[str, float]
    arithmetic: tuple[str, ...]
    precision: torch.dtype
    remarks: tuple[str, ...]

    def schedule(self, images: int | None) -> Schedule:
        """Return epochs, iterations and updates on so many images; None: unknown."""
        return schedule_of(self.cfg, images, self.batch)

    def remarks_on(self, images: int | None) -> list[str]:
        """Return all remarks, with those that depend on the number of images."""
        return [*self.remarks, *warmup_warnings(self.cfg, images, self.batch)]


def prepare(cfg: Config, settings: Settings | None = None) -> PreparedRun:
    """Return the training that ``cfg`` and ``settings`` describe; ``cfg`` itself stays as it is.

    Args:
        cfg: As :func:`~mmmim.launch.options.load_config` gives it.
        settings: Default: what the config says, in one process.

    Raises:
        UsageError: the config does not train, or a setting does not fit it; names the key or option, and the fix.
    """
    settings = settings or Settings()
    if any(cfg.get(key) is None for key in NEEDED):
        raise UsageError(f"{cfg.filename} does not train: it needs {', '.join(NEEDED[:-1])} and {NEEDED[-1]}")
    cfg = options.use_data(copy.deepcopy(cfg), settings.data)
    options.use_accumulation(cfg, settings.accumulate)
    options.use_amp(cfg, settings.amp)
    use_length(cfg, settings.epochs, settings.iters)
    check_loops(cfg)
    options.use_resume(cfg, settings.resume)
    if settings.checkpoint is not None or not settings.planned:
        options.use_checkpoint(cfg, settings.checkpoint)
    if not settings.planned:
        check_paths(cfg, (*LOADERS, "custom_hooks"))
    dense = check_dense(cfg, LOADERS)
    scaling = scale_lr(cfg, settings.processes)
    precision = options.planned_precision(cfg)
    on_this_device = options.fit_to_device(cfg)
    remarks = [*([] if settings.planned else on_this_device), *scaling.warnings, *length_warnings(cfg), *dense]
    return PreparedRun(cfg, scaling.batch, scaling.lrs, tuple(scaling.lines), precision, tuple(remarks))
