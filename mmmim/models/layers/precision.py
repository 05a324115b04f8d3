from __future__ import annotations

import torch


def uncached_autocast(device_type: str) -> torch.autocast:
    """The surrounding autocast without its weight cache, for no-grad passes inside a training step.

    A cached cast made under ``no_grad`` has no graph; older PyTorch hands it to the training forward, whose weights
    then silently get no gradient.
    """
    return torch.autocast(
        device_type,
        dtype=torch.get_autocast_dtype(device_type),
        enabled=torch.is_autocast_enabled(device_type),
        cache_enabled=False,
    )


def full_precision(device_type: str) -> torch.autocast:
    """Autocast off: losses, scores and targets are computed in fp32."""
    return torch.autocast(device_type, enabled=False)
