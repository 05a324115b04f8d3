"""Read from a checkpoint how an image is prepared for its encoder, as far as the checkpoint says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmmim.config.crops import short_side
from mmmim.config.text import config_value
from mmmim.errors import UsageError
from mmmim.interop.encoder import StoredEncoder

PILLOW_FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}


class Preprocessing(NamedTuple):
    """The short side is resized, the centre cropped, and channels in [0, 1] are normalised."""

    size: tuple[int, int]
    short_side: int
    mean: list[float]
    std: list[float]
    interpolation: str = "bicubic"

    @property
    def crop_ratio(self) -> float:
        """Return the longest side of the crop divided by the short side of the resized image, at most 1."""
        return min(1.0, round(max(self.size) / self.short_side, 4))

    @property
    def pillow_filter(self) -> int:
        """Return Pillow's number of the interpolation."""
        return PILLOW_FILTERS[self.interpolation]


def preprocessing(encoder: StoredEncoder, target: str) -> Preprocessing:
    """Return what ``target`` has to write down of the preprocessing.

    Raises:
        UsageError: The checkpoint does not say how its images were normalised.
    """
    meta, channels = encoder.meta, encoder.meta["in_channels"]
    mean, std = (_numbers(meta.get(name), channels) for name in ("mean", "std"))
    if mean is None or std is None or min(std) <= 0:
        raise UsageError(
            f"--to {target}: the checkpoint does not say how its images were normalised (meta['mmmim'] needs 'mean' "
            f"and 'std' of {channels} channels, from 0 to 255); use --to timm --out FILE.pth, which needs neither"
        )
    size = (int(meta["img_size"][0]), int(meta["img_size"][1]))
    short_side, interpolation = _resize(encoder.config, size)
    mean, std = ([round(value / 255, 8) for value in values] for values in (mean, std))
    return Preprocessing(size, short_side, mean, std, interpolation)


def _numbers(values: Any, count: int) -> list[float] | None:
    if not isinstance(values, (list, tuple)) or len(values) not in (1, count):
        return None
    if not all(isinstance(value, (int, float)) for value in values):
        return None
    return [float(value) for value in values] * (count if len(values) == 1 else 1)


def _resize(config: str | None, size: tuple[int, int]) -> tuple[int, str]:
    """Return the short side and the interpolation of the config's validation, or the usual ones for the size."""
    loader = config_value(config, "val_dataloader")
    dataset = loader.get("dataset") if isinstance(loader, Mapping) else None
    steps = dataset.get("transforms") if isinstance(dataset, Mapping) else None
    for step in steps if isinstance(steps, (list, tuple)) else ():
        if isinstance(step, Mapping) and str(step.get("type")).endswith("Resize"):
            wanted, mode = step.get("size"), step.get("interpolation", "bilinear")
            if isinstance(wanted, int) and min(size) <= wanted <= 1 << 16 and mode in PILLOW_FILTERS:
                return wanted, str(mode)
    return short_side(size), "bicubic"
