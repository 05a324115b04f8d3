from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmmim.registry import OPTIM_WRAPPER_CONSTRUCTORS

# MMEngine leaves these settings in a group although the group's lr and weight decay contain them already.
APPLIED = ("lr_mult", "decay_mult")


@OPTIM_WRAPPER_CONSTRUCTORS.register_module(name="DefaultOptimWrapperConstructor")
class MergedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor with one group for all parameters of equal settings, where MMEngine has one for each.

    A fused optimizer is then launched twice in a step and not for every tensor; schedules and log lines have as many
    groups less to go through. A checkpoint with a group for each parameter resumes, see
    :func:`~mmmim.engine.regroup.regroup`. Configs of the scope ``mmmim`` get it without naming it;
    ``constructor='mmengine.DefaultOptimWrapperConstructor'`` is MMEngine's.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = "", is_dcn_module: int | float | None = None
    ) -> None:
        super().add_params(params, module, prefix, is_dcn_module)
        if not prefix:
            open_settings = dict(lr=self.base_lr, weight_decay=self.base_wd)
            params[:] = merged(params, {key: value for key, value in open_settings.items() if value is not None})


def merged(groups: Iterable[dict[str, Any]], open_settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return groups of different settings, in the order in which their first parameters come.

    Args:
        open_settings: What a group has that gives no value of its own.
    """
    found: list[dict[str, Any]] = []
    seen: set[int] = set()  # a parameter of two modules counts once
    for group in groups:
        settings = open_settings | {key: value for key, value in group.items() if key not in ("params", *APPLIED)}
        params = [param for param in group["params"] if id(param) not in seen]
        seen |= set(map(id, params))
        same = next((each for each in found if settings == {k: v for k, v in each.items() if k != "params"}), None)
        if same is not None:
            same["params"] += params
        elif params:
            found.append(dict(settings, params=params))
    return found
