from __future__ import annotations

from typing import Any

from mmengine.optim import OptimWrapperDict


def wrappers_of(wrapper: Any) -> list[Any]:
    """Return the optimizer wrappers of a run, which has one or a dict of them."""
    return list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def no_gradients_pending(wrapper: Any) -> bool:
    """Return whether no accumulated gradients wait for the rest of their window."""
    return all(each.should_update() for each in wrappers_of(wrapper))
