"""Choose the programs that show a run while it trains: ``--log tensorboard``, ``wandb``, ``mlflow``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from mmmim.errors import UsageError, one_of

PROJECT = "mmmim"  # under which runs of all configs stand side by side


class Logger(NamedTuple):
    """A backend of MMEngine's visualizer, and the module that it imports."""

    backend: str
    module: str


LOGGERS = dict(
    tensorboard=Logger("TensorboardVisBackend", "tensorboard"),
    wandb=Logger("WandbVisBackend", "wandb"),
    mlflow=Logger("MLflowVisBackend", "mlflow"),
)


def use_loggers(cfg: Config, names: Sequence[str]) -> None:
    """Add loggers to those of the config.

    Raises:
        UsageError: There is no such logger, or its package is not installed.
    """
    if not names:
        return
    visualizer = dict(cfg.get("visualizer") or dict(type="mmmim.LazyVisualizer"))
    backends: list[Any] = list(visualizer.get("vis_backends") or [dict(type="LocalVisBackend")])
    for name in dict.fromkeys(names):
        logger = LOGGERS[one_of("--log", name, LOGGERS)]
        if find_spec(logger.module) is None:
            raise UsageError(f"--log {name}: the package {logger.module} is missing: pip install 'mmmim[{name}]'")
        if not any(str(each.get("type")).endswith(logger.backend) for each in backends):
            backends.append(dict(type=logger.backend, **_settings(name, Path(cfg.work_dir))))
    cfg.visualizer = dict(visualizer, vis_backends=backends)


def _settings(name: str, work_dir: Path) -> dict[str, Any]:
    run = "/".join(work_dir.parts[-2:])
    if name == "wandb":
        return dict(init_kwargs=dict(project=PROJECT, name=run))
    if name == "mlflow":
        return dict(exp_name=PROJECT, run_name=run)
    return {}
