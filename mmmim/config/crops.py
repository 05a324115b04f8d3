from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.config import Config

SMALL_IMAGE = 128  # below this size objects fill the image to its edges, so nothing is cropped
CROP_RATIO = 0.875  # resize 256, crop 224


def short_side(size: Sequence[int], crop_ratio: float | None = None) -> int:
    """Return the side to which the short side of an image is resized before its centre ``size (H, W)`` is cropped.

    Args:
        crop_ratio: Crop size divided by the resized short side. Default: 0.875, and 1 for images below 128 pixels.
    """
    longest = max(size)
    ratio = (1.0 if longest < SMALL_IMAGE else CROP_RATIO) if crop_ratio is None else crop_ratio
    return round(longest / ratio)


def crop_size(config: Config, default: Any = None) -> Any:
    """Return the size ``(H, W)`` of the training data's RandomResizedCrop, or ``default`` if the config does not crop.

    It may differ from the encoder's image size, because a degradation may need a larger crop.
    """
    dataset = (config.get("train_dataloader") or {}).get("dataset") or {}
    crops = [
        step["size"] for step in dataset.get("transforms") or [] if str(step["type"]).endswith("RandomResizedCrop")
    ]
    size = crops[-1] if crops else default
    if size is None:
        return None
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
