from __future__ import annotations

from typing import Any

from mmengine.config import Config


def crop_size(config: Config, default: Any = None) -> Any:
    """Pixels ``(H, W)`` of the training data's RandomResizedCrop: a degradation may need a larger crop than the
    encoder. ``default`` where the config does not crop."""
    dataset = (config.get("train_dataloader") or {}).get("dataset") or {}
    crops = [
        step["size"] for step in dataset.get("transforms") or [] if str(step["type"]).endswith("RandomResizedCrop")
    ]
    size = crops[-1] if crops else default
    if size is None:
        return None
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
