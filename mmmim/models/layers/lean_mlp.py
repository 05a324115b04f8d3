from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import Mlp
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .recomputation import keep_input


class GeluLinear(torch.autograd.Function):
    """``linear(gelu(hidden))`` that keeps only ``hidden`` and computes the GELU again in the backward pass.

    The result is exact. The gradient is written over a temporary tensor, so the second GELU adds hardly any memory
    traffic.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(hidden, weight)
        return F.linear(F.gelu(hidden), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden, weight = ctx.saved_tensors
        rows, grad = hidden.flatten(0, -2), grads[0].flatten(0, -2)  # (n,4D), (n,D)
        grad_weight = grad.mT @ F.gelu(rows).to(grad.dtype)  # under autocast, its precision is lower than the weight's
        grad_hidden = (grad @ weight.to(grad.dtype)).to(rows.dtype)
        torch.ops.aten.gelu_backward.grad_input(grad_hidden, rows, grad_input=grad_hidden)
        return grad_hidden.view_as(hidden), grad_weight.to(weight.dtype), grad.sum(0).to(weight.dtype)


class LeanMlp(Mlp):
    """timm's ``Mlp`` with a GELU and without dropout, which keeps a quarter less of a block's activations.

    It takes the norm before it as an argument, so that the normed tokens are not kept either.
    """

    def forward(self, x: Tensor, norm: nn.Module | None = None) -> Tensor:
        fc1 = self.fc1
        hidden = fc1(x) if norm is None else keep_input(norm, x, fc1.weight, fc1.bias, norm.parameters())
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            return GeluLinear.apply(hidden, self.fc2.weight, self.fc2.bias)
        return self.fc2(self.act(hidden))
