"""Choose what a run measures while it trains: ``--knn DIR``, ``--probe DIR``, ``--rankme``, ``--pictures``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from mmmim.datasets.sources import location_exists
from mmmim.errors import UsageError

TOY = "toy"
HOOKS = dict(
    knn="mmmim.KNNHook",
    probe="mmmim.ProbeHook",
    rankme="mmmim.RankMeHook",
    pictures="mmmim.visualization.pictures_hook.PicturesHook",
)


@dataclass(frozen=True)
class Monitors:
    """Names what a run measures while it trains.

    Args:
        knn, probe: Folder of labelled images of k-NN and linear probe, or ``toy``.
        rankme, pictures: Whether to log the rank of features, and to draw reconstructions.
        interval: Epochs (iterations, if the run counts these) between two evaluations; None: a tenth of the run.
        images: Number of images of a bank and of ``rankme``; queries are half as many. None: see the hooks.
    """

    knn: str | None = None
    probe: str | None = None
    rankme: bool = False
    pictures: bool = False
    interval: int | None = None
    images: int | None = None


def use_monitors(cfg: Config, monitors: Monitors) -> None:
    """Add the hooks of monitors to a config; one of the same kind in ``custom_hooks`` is replaced.

    Raises:
        UsageError: A folder is missing, a number is too small, or an interval is given without anything to measure.
    """
    wanted = {name: kind for name, kind in HOOKS.items() if getattr(monitors, name)}
    present = [hook for hook in cfg.get("custom_hooks") or () if _name(hook) in HOOKS]
    for option, value, least in (("interval", monitors.interval, 1), ("images", monitors.images, 2)):
        if value is not None and value < least:
            raise UsageError(f"--monitor-{option} {value}: at least {least}")
        if value is not None and not wanted and not present:
            raise UsageError(f"--monitor-{option} {value}: nothing is measured; add {_options()}")
    for name in ("knn", "probe"):
        data = getattr(monitors, name)
        if data not in (None, TOY) and not location_exists(data):
            raise UsageError(f"--{name} {data}: does not exist; give a folder with one sub-folder per class, or toy")
    kept = [hook for hook in cfg.get("custom_hooks") or () if _name(hook) not in wanted]
    kept += [dict(type=kind, **_data(name, monitors)) for name, kind in wanted.items()]
    for hook in kept:
        if (kind := _name(hook)) is not None:
            hook.update(_settings(kind, monitors))
    if kept:
        cfg.custom_hooks = kept


def _name(hook: dict[str, Any]) -> str | None:
    """Return the name of the monitor that a hook's config builds, or None."""
    kind = str(hook["type"]).rpartition(".")[2]
    return next((name for name, each in HOOKS.items() if each.rpartition(".")[2] == kind), None)


def _options() -> str:
    return "--knn DIR, --probe DIR, --rankme or --pictures"


def _data(name: str, monitors: Monitors) -> dict[str, Any]:
    return dict(data=getattr(monitors, name)) if name in ("knn", "probe") else {}


def _settings(name: str, monitors: Monitors) -> dict[str, Any]:
    """Return the settings of a hook that the options change."""
    settings: dict[str, Any] = {} if monitors.interval is None else dict(interval=monitors.interval)
    if monitors.images is not None and name in ("knn", "probe"):
        settings |= dict(num_bank=monitors.images, num_queries=monitors.images // 2)
    if monitors.images is not None and name == "rankme":
        settings |= dict(num_images=monitors.images)
    return settings
