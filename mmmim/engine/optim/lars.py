from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch.optim import Optimizer

from mmmim.errors import UsageError
from mmmim.registry import OPTIMIZERS


@OPTIMIZERS.register_module()
class LARS(Optimizer):
    """SGD with momentum that scales each tensor's step by ``trust_coefficient * |w| / |g|`` (You et al. 2017).

    As in the linear probing of MAE, weight decay and the scaling act only on tensors of more than one
    dimension; biases and norms take plain momentum steps. Zero norms leave the step unscaled.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
    ) -> None:
        for name, value in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            if value < 0:
                raise UsageError(f"{name}: {value} must not be negative.")
        if trust_coefficient <= 0:
            raise UsageError(f"trust_coefficient: {trust_coefficient} must be positive; 0.001 is usual.")
        defaults = dict(lr=lr, momentum=momentum, weight_decay=weight_decay, trust_coefficient=trust_coefficient)
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                update = weight.grad
                if weight.ndim > 1:
                    update = update.add(weight, alpha=group["weight_decay"])
                    weight_norm, update_norm = weight.norm(), update.norm()
                    trust = group["trust_coefficient"] * weight_norm / update_norm
                    update = update * torch.where((weight_norm > 0) & (update_norm > 0), trust, 1.0)
                state = self.state[weight]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                buffer = state["momentum_buffer"].mul_(group["momentum"]).add_(update)
                weight.add_(buffer, alpha=-group["lr"])
        return loss
