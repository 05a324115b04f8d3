from __future__ import annotations

from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapperDict


def wrappers_of(wrapper: Any) -> list[Any]:
    """Return the optimizer wrappers of a run, which has one or a dict of them."""
    return list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def no_gradients_pending(wrapper: Any) -> bool:
    """Return whether no accumulated gradients wait for the rest of their window."""
    return all(each.should_update() for each in wrappers_of(wrapper))


def step_precision(wrapper: Any, device: torch.device) -> torch.autocast:
    """Return a context in which modules run in the precision of the training's steps."""
    first = wrappers_of(wrapper)[0]
    if isinstance(first, AmpOptimWrapper):
        return torch.autocast(device.type, first.cast_dtype)
    dtype = getattr(first, "dtype", torch.float32)
    return torch.autocast(device.type, dtype, dtype != torch.float32)
