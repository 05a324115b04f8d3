"""Train a config from Python."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from mmmim.checkpoint.files import stored_checkpoints
from mmmim.launch import options as launch_options
from mmmim.launch.monitors import Monitors
from mmmim.launch.prepare import Settings, prepare
from mmmim.launch.run_prepared import run_prepared
from mmmim.launch.scalars import last_values, scalar_files


@dataclass(frozen=True)
class TrainingResult:
    """Holds what a training left.

    Attributes:
        work_dir: Folder of the run.
        checkpoint: The newest checkpoint.
        last: The last value of everything that was logged, such as ``loss``.
    """

    work_dir: Path
    checkpoint: Path | None
    last: dict[str, float]


def train(
    config: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    work_dir: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    cfg_options: Mapping[str, Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    amp: str | None = None,
    accumulate: int | None = None,
    compile: bool = False,
    log: Sequence[str] = (),
    epochs: int | None = None,
    iters: int | None = None,
    knn: str | os.PathLike[str] | None = None,
    probe: str | os.PathLike[str] | None = None,
    rankme: bool = False,
    pictures: bool = False,
    monitor_interval: int | None = None,
    monitor_images: int | None = None,
) -> TrainingResult:
    """Train a config in this process and return where its results are.

    Args:
        config: Path or name of a config, such as ``mae/vit-tiny_toy``.
        data: A folder of images to use in place of the config's data.
        work_dir: Default: ``work_dirs/`` and the name of the config.
        overwrite: Delete the checkpoints of an unfinished run in the work directory.
        cfg_options: Changes to the config, by key: ``{"model.masker.mask_ratio": 0.6}``.
        checkpoint: The checkpoint that the backbone starts from; ``none`` for random weights.
        resume: A checkpoint to continue from, ``latest`` or ``auto``.
        amp: Precision of the training step: ``bf16``, ``fp16`` or ``off``.
        accumulate: Number of batches per optimizer update.
        compile: Whether to compile the blocks of the model.
        log: Programs that show the run: ``tensorboard``, ``wandb``, ``mlflow``.
        epochs: Length of the run; the schedule is stretched to it.
        iters: The same for configs that count iterations.
        knn: Labelled folder by which k-NN accuracy is measured while the run trains, or ``toy``.
        probe: The same for a linear probe.
        rankme: Whether to measure how many directions the features use.
        pictures: Whether to draw reconstructions.
        monitor_interval: Epochs, or iterations, between two of these measurements.
        monitor_images: How many images they look at.

    Raises:
        UsageError: Something in the config or the settings is wrong; nothing was trained.
    """
    given = {key: value for key, value in locals().items() if key != "config"}
    settings = Settings(
        data=_path(data),
        checkpoint=_path(checkpoint),
        resume=_path(resume),
        amp=amp,
        accumulate=accumulate,
        compile=compile,
        log=[log] if isinstance(log, str) else log,
        epochs=epochs,
        iters=iters,
        monitors=Monitors(_path(knn), _path(probe), rankme, pictures, monitor_interval, monitor_images),
    )
    cfg = launch_options.load_config(
        os.fspath(config), dict(cfg_options or {}), _path(work_dir), own_images=data is not None
    )
    cfg.setdefault("experiment_name", f"{Path(config).stem}_{uuid4().hex[:8]}")  # by which MMEngine finds loggers again
    prepared = prepare(cfg, settings)
    run_prepared(prepared, overwrite=overwrite, command=f"mmmim.train({os.fspath(config)!r}{_arguments(given)})")
    done = Path(prepared.cfg.work_dir)
    return TrainingResult(done, next(iter(stored_checkpoints(done, done)), None), last_values(scalar_files(done)))


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


def _arguments(given: Mapping[str, Any]) -> str:
    """Return those arguments of :func:`train` that are not its defaults, as Python writes them."""
    defaults = {name: each.default for name, each in inspect.signature(train).parameters.items()}
    paths = {key: _path(value) if isinstance(value, os.PathLike) else value for key, value in given.items()}
    return "".join(f", {key}={value!r}" for key, value in paths.items() if value != defaults[key])
