"""Relative positions decomposed into rows and columns (`MViTv2 <https://arxiv.org/abs/2112.01526>`_, eq. 4).

The position terms are not divided by the square root of the head's width, as in the code of ViTDet and SAM.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .patch_mask import Grid


def resize_offsets(table: Tensor, side: int) -> Tensor:
    """Return the table ``(2s-1, d)`` of the offsets along one axis as ``(2 side - 1, d)``; differentiable.

    The interpolation is linear, as in ViTDet.
    """
    if len(table) == 2 * side - 1:
        return table
    accurate = table.to(torch.promote_types(table.dtype, torch.float32))
    return F.interpolate(accurate.T.unsqueeze(0), 2 * side - 1, mode="linear")[0].T.to(table.dtype)


def crop_offsets(table: Tensor, side: int) -> Tensor:
    """Return the offsets that occur between ``side`` positions: the middle ``(2 side - 1, d)`` of the table."""
    border = (len(table) - (2 * side - 1)) // 2
    return table[border : len(table) - border]


def _of_pairs(table: Tensor) -> Tensor:
    """Return ``(s, d, s)`` of a table ``(2s-1, d)``: the row of offset ``i - j`` for query ``i`` and key ``j``."""
    return table.unfold(0, (len(table) + 1) // 2, 1).flip(-1)


def decomposed_attention(q: Tensor, k: Tensor, v: Tensor, offsets_h: Tensor, offsets_w: Tensor, grid: Grid) -> Tensor:
    """Return attention by the softmax of ``q·k / √d + q·R_h[i_h - j_h] + q·R_w[i_w - j_w]`` over a map's tokens.

    The position terms become more channels of ``q``, which one-hot channels of ``k`` select: fused attention computes
    them, and a bias of all pairs is never stored.

    Args:
        q, k, v: ``(B, H, h*w, d)``.
        offsets_h, offsets_w: ``(2h-1, d)`` and ``(2w-1, d)``, from offset ``1-h`` to ``h-1``.
    """
    (h, w), dim = grid, q.shape[-1]
    tokens = q.unflatten(2, grid)
    down = torch.einsum("bnhwd,hdk->bnhwk", tokens, _of_pairs(offsets_h)).flatten(2, 3)  # (B,H,h*w,h)
    right = torch.einsum("bnhwd,wdk->bnhwk", tokens, _of_pairs(offsets_w)).flatten(2, 3)  # (B,H,h*w,w)
    row = torch.eye(h, dtype=k.dtype, device=k.device).repeat_interleave(w, 0)  # (h*w,h)
    column = torch.eye(w, dtype=k.dtype, device=k.device).repeat(h, 1)  # (h*w,w)
    selector = torch.cat([row, column], 1).expand(*k.shape[:2], -1, -1)
    q = torch.cat([q * dim**-0.5, down, right], -1)
    k = torch.cat([k, selector], -1)
    return F.scaled_dot_product_attention(q, k, F.pad(v, (0, h + w)), scale=1.0)[..., :dim]  # fused: v as wide as k
