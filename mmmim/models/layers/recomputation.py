"""Compute activations again in the backward pass in place of keeping them: those of whole blocks, or cheap ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from .precision import current_autocast


def recompute(call: Callable[..., Tensor], block: nn.Module, x: Tensor, *rest: Any) -> Tensor:
    """Return ``call(block, x, *rest)``, keep only its arguments, and run it again in the backward pass."""

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), keep_batch_statistics(block)

    return checkpoint(call, block, x, *rest, use_reentrant=False, context_fn=contexts)


class LinearOf(torch.autograd.Function):
    """``linear(function(x))`` that keeps only ``x`` and calls the function again in the backward pass.

    ``torch.utils.checkpoint`` would do the same with much more work on the host, which small models wait for.
    """

    @staticmethod
    def forward(ctx: Any, function: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *params: Tensor) -> Tensor:
        ctx.function, ctx.autocast = function, current_autocast(x.device.type)
        ctx.save_for_backward(x, weight, *params)
        return F.linear(function(x), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, *params = ctx.saved_tensors
        _, needs_x, needs_weight, needs_bias, *need_params = ctx.needs_input_grad
        with torch.enable_grad(), ctx.autocast():
            x = x.detach().requires_grad_(needs_x)
            inner = ctx.function(x.view_as(x))  # torch's FLOP counter takes no leaf here
        rows, grad = inner.detach().flatten(0, -2), grads[0].flatten(0, -2)  # (n,D), (n,E)
        grad_weight = (grad.mT @ rows.to(grad.dtype)).to(weight.dtype) if needs_weight else None
        grad_bias = grad.sum(0).to(weight.dtype) if needs_bias else None
        needs = (needs_x, *need_params)
        wanted = [tensor for tensor, need in zip((x, *params), needs, strict=True) if need]
        grad_inner = (grad @ weight.to(grad.dtype)).view_as(inner).to(inner.dtype) if wanted else None
        found = iter(torch.autograd.grad(inner, wanted, grad_inner) if wanted else ())
        grad_x, *grad_params = (next(found) if need else None for need in needs)
        return None, grad_x, grad_weight, grad_bias, *grad_params


def keep_input(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    params: Iterable[Tensor],
) -> Tensor:
    """Return ``linear(function(x), weight, bias)`` and keep only ``x`` for the backward pass.

    Args:
        function: Something cheap without randomness, such as a norm.
        params: The parameters of ``function``.
    """
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():  # the compiler chooses what it computes again
        return F.linear(function(x), weight, bias)
    return LinearOf.apply(function, x, weight, bias, *params)


@contextmanager
def keep_batch_statistics(block: nn.Module) -> Iterator[None]:
    """Keep the running statistics of BatchNorm as they are while the same batch passes ``block`` a second time."""
    norms: list[Any] = [m for m in block.modules() if isinstance(m, _BatchNorm)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, batches) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, batches
