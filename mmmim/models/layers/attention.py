"""Exact partial runs of timm's pre-norm ``Block``, which compute only the rows or attention logits that are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import Attention
from torch import Tensor

from .precision import full_precision

Block = Any  # timm's Block, which an nn.ModuleList hands out as a plain Module


def _heads(attn: Attention, x: Tensor) -> Tensor:
    return x.unflatten(-1, (attn.num_heads, attn.head_dim)).transpose(1, 2)  # (B,n,D) -> (B,H,n,d)


def _project(attn: Attention, x: Tensor, first: int, last: int) -> list[Tensor]:
    """Return the projections ``first..last-1`` of (query, key, value) = (0, 1, 2), by heads."""
    width = attn.num_heads * attn.head_dim  # `attn.attn_dim` since timm 1.0.23
    rows = slice(first * width, last * width)
    bias = None if attn.qkv.bias is None else attn.qkv.bias[rows]
    parts = F.linear(x, attn.qkv.weight[rows], bias).chunk(last - first, dim=-1)
    norms = (attn.q_norm, attn.k_norm, torch.nn.Identity())[first:last]
    return [norm(_heads(attn, part)) for norm, part in zip(norms, parts, strict=True)]


def _finish(block: Block, x: Tensor, attended: Tensor) -> Tensor:
    """Return the block's output for the rows ``x`` whose attention output is ``(B, H, n, d)``."""
    attn = block.attn
    out = attn.proj(attn.norm(attended.transpose(1, 2).flatten(2)))
    x = x + block.drop_path1(block.ls1(out))
    return x + block.drop_path2(block.ls2(block.mlp(block.norm2(x))))


def block_rows(block: Block, x: Tensor, select: Callable[[Tensor], Tensor]) -> Tensor:
    """Return ``select(block(x))``, with queries, projection and MLP for the selected rows only."""
    normed = block.norm1(x)  # (B,n,D)
    (query,) = _project(block.attn, select(normed), 0, 1)  # (B,H,s,d)
    key, value = _project(block.attn, normed, 1, 3)  # (B,H,n,d)
    return _finish(block, select(x), F.scaled_dot_product_attention(query, key, value))  # (B,s,D)


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
    normed = block.norm1(x)
    (query,) = _project(block.attn, normed[:, :1], 0, 1)
    (key,) = _project(block.attn, normed, 1, 2)
    return _cls_row(block.attn, query, key)


def block_with_cls_logits(block: Block, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``block(x)`` and the CLS query's row of logits, by fused attention and without an attention matrix."""
    query, key, value = _project(block.attn, block.norm1(x), 0, 3)
    attended = F.scaled_dot_product_attention(query, key, value)
    return _finish(block, x, attended), _cls_row(block.attn, query, key)
