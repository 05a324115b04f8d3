from __future__ import annotations

from typing import Any

from mmengine.config import Config


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
