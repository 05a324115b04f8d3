"""timm's pre-norm ``Block`` with less memory, and exact partial runs of it, which compute only what is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import Attention
from timm.models import vision_transformer
from torch import Tensor

from .lean_mlp import LeanMlp
from .precision import full_precision
from .recomputation import keep_input

Block = Any  # a LeanBlock, which an nn.ModuleList hands out as a plain Module


class LeanBlock(vision_transformer.Block):
    """timm's block of a plain ViT, which keeps neither normed tokens nor the GELU's output for the backward pass."""

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float = 4.0, drop_path: float = 0.0) -> None:
        super().__init__(dim, num_heads, mlp_ratio=mlp_ratio, qkv_bias=True, drop_path=drop_path, mlp_layer=LeanMlp)

    def forward(self, x: Tensor, select: Callable[[Tensor], Tensor] | None = None) -> Tensor:  # type: ignore[override]
        """Return the block's output ``(B, n, D)``, or ``select`` of it.

        Queries, projection and MLP are then computed for the selected rows only.
        """
        rows = x if select is None else select(x)  # (B,s,D)
        if select is None:
            query, key, value = _project(self, x, 0, 3)  # (B,H,n,d)
        else:
            (query,), (key, value) = _project(self, rows, 0, 1), _project(self, x, 1, 3)
        return _finish(self, rows, F.scaled_dot_product_attention(query, key, value))


def _heads(attn: Attention, x: Tensor) -> Tensor:
    return x.unflatten(-1, (attn.num_heads, attn.head_dim)).transpose(1, 2)  # (B,n,D) -> (B,H,n,d)


def _project(block: Block, x: Tensor, first: int, last: int) -> list[Tensor]:
    """Return the projections ``first..last-1`` of (query, key, value) = (0, 1, 2) of the normed ``x``, by heads."""
    attn = block.attn
    weight, bias = attn.qkv.weight, attn.qkv.bias
    if last - first < 3:
        width = attn.num_heads * attn.head_dim  # `attn.attn_dim` since timm 1.0.23
        weight, bias = (part[first * width : last * width] for part in (weight, bias))
    parts = keep_input(block.norm1, x, weight, bias, block.norm1.parameters())
    return [_heads(attn, part) for part in parts.chunk(last - first, dim=-1)]


def _finish(block: Block, x: Tensor, attended: Tensor) -> Tensor:
    """Return the block's output for the rows ``x`` whose attention output is ``(B, H, n, d)``."""
    x = x + block.drop_path1(block.attn.proj(attended.transpose(1, 2).flatten(2)))
    return x + block.drop_path2(block.mlp(x, block.norm2))


def _cls_row(attn: Attention, query: Tensor, key: Tensor) -> Tensor:
    """Return the logits of the first query against every key, ``(B, H, n)`` in fp32 even under autocast."""
    with full_precision(query.device.type):
        accurate = torch.promote_types(query.dtype, torch.float32)
        row = (query[:, :, :1].to(accurate) * attn.scale) @ key.to(accurate).transpose(-2, -1)
    return row.squeeze(2)


def cls_logits(block: Block, x: Tensor) -> Tensor:
    """Return the pre-softmax logits of the CLS query against all keys, ``(B, H, n)``.

    Values and MLP are not computed.
    """
    (query,) = _project(block, x[:, :1], 0, 1)
    (key,) = _project(block, x, 1, 2)
    return _cls_row(block.attn, query, key)


def block_with_cls_logits(block: Block, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``block(x)`` and the CLS query's row of logits, by fused attention and without an attention matrix."""
    query, key, value = _project(block, x, 0, 3)
    attended = F.scaled_dot_product_attention(query, key, value)
    return _finish(block, x, attended), _cls_row(block.attn, query, key)
