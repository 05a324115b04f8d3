"""Compute activations again in the backward pass in place of keeping them: those of whole blocks, or cheap ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute(call: Callable[..., Tensor], block: nn.Module, x: Tensor, *rest: Any) -> Tensor:
    """Return ``call(block, x, *rest)``, keep only its arguments, and run it again in the backward pass."""

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), keep_batch_statistics(block)

    return checkpoint(call, block, x, *rest, use_reentrant=False, context_fn=contexts)


def keep_input(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ``function(x)``, a linear layer after a norm or the like, and keep only ``x`` for the backward pass.

    What comes before the linear layer is computed again. The layer itself is not, because torch stops as soon as it has
    the tensors that autograd needs.
    """
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():  # the compiler chooses what it computes again
        return function(x)
    return checkpoint(function, x, use_reentrant=False, preserve_rng_state=False, determinism_check="none")


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
