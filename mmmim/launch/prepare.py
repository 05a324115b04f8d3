"""Prepare a training: the common start of runs, plans, cost estimates and golden losses."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from mmengine.config import Config

from mmmim.errors import UsageError
from mmmim.launch import options
from mmmim.launch.data_paths import check_paths
from mmmim.launch.dense_checks import check_dense
from mmmim.launch.loggers import use_loggers
from mmmim.launch.lr_scaling import BatchSize, scale_lr
from mmmim.launch.monitors import Monitors, use_monitors
from mmmim.launch.precision import fit_to_device, planned_precision, use_amp
from mmmim.launch.run_length import check_loops, length_warnings, use_length
from mmmim.launch.schedule import Schedule, schedule_of, warmup_warnings

REQUIRED_SECTIONS = ("train_dataloader", "train_cfg", "optim_wrapper")
LOADERS = ("train_dataloader", "val_dataloader")


@dataclass(frozen=True)
class Settings:
    """The command-line settings of a training, apart from the options that its config already contains.

    Args:
        data: A folder of images to use in place of the config's data.
        checkpoint: The checkpoint that the backbone starts from; ``none`` for random weights.
        resume: A checkpoint to continue from, ``latest`` or ``auto``.
        amp: Precision of the training step: ``bf16``, ``fp16`` or ``off``.
        accumulate: Number of batches per optimizer update.
        compile: Whether to compile the blocks of the model.
        log: Programs that show the run: ``tensorboard``, ``wandb``, ``mlflow``.
        monitors: What is measured while the run trains.
        epochs, iters: Length of the run; the schedule is stretched to it.
        processes: World size.
        planned: Whether nothing will be trained here, so that data and checkpoint may be missing.
    """

    data: str | None = None
    checkpoint: str | None = None
    resume: str | None = None
    amp: str | None = None
    accumulate: int | None = None
    compile: bool = False
    log: Sequence[str] = ()
    monitors: Monitors = field(default_factory=Monitors)
    epochs: int | None = None
    iters: int | None = None
    processes: int = 1
    planned: bool = False


@dataclass(frozen=True)
class PreparedRun:
    """A training with its final batch size, learning rates and length.

    Args:
        cfg: The config that the Runner is built from.
        batch: The number of images of an optimizer update.
        lrs: Learning rate by optimizer; the key is ``""`` if there is only one.
        arithmetic: How each learning rate was computed, one line each.
        precision: Precision of the forward pass on the device that the config is meant for.
        remarks: Remarks on settings that are allowed but may be unintended.
    """

    cfg: Config
    batch: BatchSize
    lrs: Mapping[str, float]
    arithmetic: tuple[str, ...]
    precision: torch.dtype
    remarks: tuple[str, ...]

    def schedule(self, images: int | None) -> Schedule:
        """Return the epochs, iterations and updates for so many images; None if the number is unknown."""
        return schedule_of(self.cfg, images, self.batch)

    def remarks_on(self, images: int | None) -> list[str]:
        """Return all remarks, including those that depend on the number of images."""
        return [*self.remarks, *warmup_warnings(self.cfg, images, self.batch)]


def prepare(cfg: Config, settings: Settings | None = None) -> PreparedRun:
    """Return the training that ``cfg`` and ``settings`` describe; ``cfg`` itself is not changed.

    Args:
        cfg: A config as :func:`~mmmim.launch.options.load_config` returns it.
        settings: Settings of the command line; by default those of the config are used, in one process.

    Raises:
        UsageError: The config does not train, or a setting does not fit it; the message names the key and the fix.
    """
    settings = settings or Settings()
    if any(cfg.get(key) is None for key in REQUIRED_SECTIONS):
        *first, last = REQUIRED_SECTIONS
        raise UsageError(f"{cfg.filename} does not train: it needs {', '.join(first)} and {last}")
    cfg = options.use_data(copy.deepcopy(cfg), settings.data)
    options.use_accumulation(cfg, settings.accumulate)
    options.use_compilation(cfg, settings.compile)
    use_loggers(cfg, settings.log)
    use_monitors(cfg, settings.monitors)
    use_amp(cfg, settings.amp)
    use_length(cfg, settings.epochs, settings.iters)
    check_loops(cfg)
    options.use_resume(cfg, settings.resume)
    if settings.checkpoint is not None or not settings.planned:
        options.use_checkpoint(cfg, settings.checkpoint)
    if not settings.planned:
        check_paths(cfg, (*LOADERS, "custom_hooks"))
    dense = check_dense(cfg, LOADERS)
    scaling = scale_lr(cfg, settings.processes)
    precision = planned_precision(cfg)
    on_this_device = fit_to_device(cfg)
    remarks = [*([] if settings.planned else on_this_device), *scaling.warnings, *length_warnings(cfg), *dense]
    return PreparedRun(cfg, scaling.batch, scaling.lrs, tuple(scaling.lines), precision, tuple(remarks))
