from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch


def current_autocast(device_type: str) -> Callable[[], AbstractContextManager]:
    """Return what enters the surrounding autocast again, in a backward pass for example."""
    if not torch.amp.is_autocast_available(device_type) or not torch.is_autocast_enabled(device_type):
        return nullcontext
    return partial(torch.autocast, device_type, torch.get_autocast_dtype(device_type))


def uncached_autocast(device_type: str) -> AbstractContextManager:
    """Return the surrounding autocast without its weight cache, for no-grad passes inside a training step.

    A cached cast made under ``no_grad`` has no graph; older PyTorch hands it to the training forward, whose weights
    then silently get no gradient.
    """
    if not torch.amp.is_autocast_available(device_type) or not torch.is_autocast_enabled(device_type):
        return nullcontext()
    return torch.autocast(device_type, dtype=torch.get_autocast_dtype(device_type), cache_enabled=False)


def full_precision(device_type: str) -> AbstractContextManager:
    """Turn autocast off: losses, scores and targets have the precision of their inputs, see ``at_least_fp32``."""
    if not torch.amp.is_autocast_available(device_type):
        return nullcontext()
    return torch.autocast(device_type, enabled=False)
