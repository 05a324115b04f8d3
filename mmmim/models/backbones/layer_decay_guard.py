"""Stops a run whose layer-wise learning rate decay would skip the blocks of mmmim's backbones.

The layer decay constructors of mmseg and mmdet recognise backbones by name. They take a class with ``BEiT`` or ``MAE``
in its name for one of their own and silently train all of its blocks at the full rate; for any other class they raise
an empty ``NotImplementedError``. MMEngine's default constructor ignores a decay rate altogether.
"""

from __future__ import annotations

import functools
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from mmmim.errors import UsageError

from .base import Encoder

RATES = ("decay_rate", "layer_decay_rate")


def install() -> None:
    """Make every optimizer constructor of MMEngine's family check its result; importing the backbones calls this."""
    build = DefaultOptimWrapperConstructor.__call__
    if getattr(build, "checks_layer_decay", False):
        return

    @functools.wraps(build)
    def build_and_check(self: DefaultOptimWrapperConstructor, model: nn.Module) -> OptimWrapper:
        try:
            wrapper = build(self, model)
        except NotImplementedError as error:
            for backbone in _our_backbones(model):
                raise _refusal(self, backbone, "cannot number the layers of") from error
            raise
        _check(self, model, wrapper)
        return wrapper

    build_and_check.checks_layer_decay = True  # type: ignore[attr-defined]
    DefaultOptimWrapperConstructor.__call__ = build_and_check


def _check(constructor: Any, model: nn.Module, wrapper: OptimWrapper) -> None:
    if _rate(constructor) in (None, 1):
        return
    rate_of = {id(p): group["lr"] for group in wrapper.optimizer.param_groups for p in group["params"]}
    for backbone in _our_backbones(model):
        rates: dict[int, set[float]] = {}
        for name, parameter in backbone.named_parameters():
            layer, number = backbone.get_layer_depth(name)
            if 0 < layer < number - 1 and id(parameter) in rate_of:
                rates.setdefault(layer, set()).add(rate_of[id(parameter)])
        given = set().union(*rates.values())
        if len(rates) > 1 and len(given) == 1 and given != {0.0}:
            raise _refusal(constructor, backbone, "gives one learning rate to all blocks of")


def _our_backbones(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, Encoder)]


def _rate(constructor: Any) -> float | None:
    settings = constructor.paramwise_cfg or {}
    return next((settings[name] for name in RATES if name in settings), None)


def _refusal(constructor: Any, backbone: nn.Module, what: str) -> UsageError:
    rate = _rate(constructor)
    return UsageError(
        f"optim_wrapper.constructor={type(constructor).__name__!r} {what} {type(backbone).__name__}, "
        f"so that the layer decay of paramwise_cfg={dict(constructor.paramwise_cfg or {})} is not what is trained\n"
        "  fix: write into optim_wrapper of the config\n"
        '    constructor="mmmim.LayerDecayOptimWrapperConstructor",\n'
        f"    paramwise_cfg=dict(_delete_=True, layer_decay_rate={0.75 if rate is None else rate}),"
    )
