"""What a CUDA device would keep, on a machine with or without one: for tensors that have shapes but no storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

BIAS_ALIGNMENT = 8  # elements between the rows of a bias, as PyTorch's memory-efficient kernel wants them


@contextmanager
def cuda_rules() -> Iterator[None]:
    """``torch.autocast("cuda")`` and the choice of attention kernels, where tensors only say that they are on CUDA.

    Autocast's rules belong to a device: CUDA's computes LayerNorm, softmax and losses in fp32, the CPU's does not.
    PyTorch turns it off where it finds no device, and lets attention write out its matrix.
    """
    with (
        patch.object(torch.cuda.amp.common, "amp_definitely_not_available", return_value=False),
        patch.object(torch.cuda, "is_bf16_supported", return_value=True),
        CudaKernels(),
    ):
        yield


class CudaKernels(TorchFunctionMode):
    """``scaled_dot_product_attention`` by the kernels that PyTorch takes on a CUDA device, in the same order.

    Flash attention for half precision without bias, else the memory-efficient one; neither keeps the matrix.
    ``grid_sample``, which PyTorch has no rule of shapes for, gives its output's shape where no gradient is wanted.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention and args[0].device.type == "cuda" and args[0].dim() == 4:
            return fused_attention(*args, **(kwargs or {}))
        if func is F.grid_sample and not torch.is_grad_enabled():
            images, positions = args[:2]
            return images.new_empty(*images.shape[:2], *positions.shape[1:-1])
        return func(*args, **(kwargs or {}))


def fused_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Attention of ``(B, H, N, d)``, after the casts of autocast."""
    if torch.is_autocast_enabled("cuda"):
        query, key, value = (tensor.to(torch.get_autocast_dtype("cuda")) for tensor in (query, key, value))
    if attn_mask is None and query.dtype != torch.float32 and query.shape[-1] == value.shape[-1]:
        width = query.shape[-1]
        query, key, value = (F.pad(tensor, (0, -width % 8)) if width % 8 else tensor for tensor in (query, key, value))
        scale = width**-0.5 if scale is None else scale
        output = torch.ops.aten._scaled_dot_product_flash_attention(
            query, key, value, dropout_p, is_causal, scale=scale
        )[0]
        return output[..., :width]
    if attn_mask is not None:
        attn_mask = _aligned(attn_mask.to(query.dtype)).expand(*query.shape[:3], key.shape[2])
    needs_grad = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (query, key, value))
    return torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, attn_mask, needs_grad, dropout_p, is_causal, scale=scale
    )[0]


def _aligned(bias: Tensor) -> Tensor:
    """``bias``, or a padded copy where its rows do not start at multiples of the alignment: of all that is expanded."""
    if bias.stride(-1) == 1 and all(step % BIAS_ALIGNMENT == 0 for step in bias.stride()[:-1]):
        return bias
    columns = bias.shape[-1]
    return F.pad(bias, (0, BIAS_ALIGNMENT - columns % BIAS_ALIGNMENT))[..., :columns]
