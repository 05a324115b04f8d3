from __future__ import annotations

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from .patch_mask import Grid


def sincos_pos_embed(grid: Grid, dim: int, num_prefix: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    """Fixed 2-D sin-cos positions in MAE's order: ``[sin x, cos x, sin y, cos y]``, D/4 entries each, prefix rows zero.

    Returns:
        ``(1, num_prefix + h*w, dim)``, computed in float64; x is the column index.
    """
    if dim % 4:
        raise ValueError(f"dim={dim}: 2-D sin-cos positions need a width divisible by 4")
    h, w = grid
    omega = 1e4 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    x = torch.arange(w, dtype=torch.float64).outer(omega)  # (w,D/4)
    y = torch.arange(h, dtype=torch.float64).outer(omega)  # (h,D/4)
    columns = torch.cat([x.sin(), x.cos()], 1)[None].expand(h, -1, -1)  # (h,w,D/2)
    rows = torch.cat([y.sin(), y.cos()], 1)[:, None].expand(-1, w, -1)  # (h,w,D/2)
    table = torch.cat([columns, rows], 2).flatten(0, 1).to(dtype)  # (N,D)
    return torch.cat([table.new_zeros(num_prefix, dim), table])[None]


def resize_pos_embed(table: Tensor, old: Grid, new: Grid, num_prefix: int = 1) -> Tensor:
    """Bicubic (``align_corners=False``, fp32) resize of ``(1, num_prefix + h*w, D)``; prefix rows stay as they are."""
    if tuple(old) == tuple(new):
        return table
    return resample_abs_pos_embed(table, list(new), list(old), num_prefix_tokens=num_prefix, antialias=False)
