"""Reproduce what a CUDA device would keep, for tensors that have shapes but no storage; no device is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

BIAS_ALIGNMENT = 8  # PyTorch's memory-efficient kernel needs the rows of a bias at multiples of so many elements


@contextmanager
def cuda_rules() -> Iterator[None]:
    """Apply CUDA's autocast and choice of attention kernels to tensors that only claim to be on CUDA.

    Autocast's rules depend on the device: CUDA's computes LayerNorm, softmax and losses in fp32, the CPU's does not.
    Without a device PyTorch turns autocast off and lets attention store its matrix.
    """
    with (
        patch.object(torch.cuda.amp.common, "amp_definitely_not_available", return_value=False),
        patch.object(torch.cuda, "is_bf16_supported", return_value=True),
        CudaKernels(),
    ):
        yield


class CudaKernels(TorchFunctionMode):
    """A mode in which ``scaled_dot_product_attention`` uses the kernels that PyTorch chooses on a CUDA device.

    These are flash attention for half precision without bias, else the memory-efficient kernel; neither keeps the
    matrix. ``grid_sample``, for which PyTorch has no shape rule, returns an uninitialised output if no gradient is
    needed.
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
    """Return the attention of ``(B, H, N, d)`` by a fused kernel, after the casts of autocast."""
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
    """Return ``bias``, or a padded copy of all of it if its rows do not start at multiples of the alignment."""
    if bias.stride(-1) == 1 and all(step % BIAS_ALIGNMENT == 0 for step in bias.stride()[:-1]):
        return bias
    columns = bias.shape[-1]
    return F.pad(bias, (0, BIAS_ALIGNMENT - columns % BIAS_ALIGNMENT))[..., :columns]
