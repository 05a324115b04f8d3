from __future__ import annotations

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from mmmim.errors import UsageError

from .patch_mask import Grid


def sincos_pos_embed(grid: Grid, dim: int, num_prefix: int = 1, dtype: torch.dtype | None = None) -> Tensor:
    """Return fixed 2-D sin-cos positions in MAE's order, ``(1, num_prefix + h*w, dim)``.

    Each position is ``[sin x, cos x, sin y, cos y]``, D/4 entries each, where x is the column index; the rows of the
    prefix are zero. They are computed in float64 and returned as ``dtype``, by default torch's.
    """
    if dim % 4:
        raise UsageError(f"dim={dim}: 2-D sin-cos positions need a width divisible by 4")
    h, w = grid
    omega = 1e4 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    x = torch.arange(w, dtype=torch.float64).outer(omega)  # (w,D/4)
    y = torch.arange(h, dtype=torch.float64).outer(omega)  # (h,D/4)
    columns = torch.cat([x.sin(), x.cos()], 1)[None].expand(h, -1, -1)  # (h,w,D/2)
    rows = torch.cat([y.sin(), y.cos()], 1)[:, None].expand(-1, w, -1)  # (h,w,D/2)
    table = torch.cat([columns, rows], 2).flatten(0, 1).to(dtype or torch.get_default_dtype())  # (N,D)
    return torch.cat([table.new_zeros(num_prefix, dim), table])[None]


def sincos_pos_embed_1d(grid: Grid, dim: int, num_prefix: int = 1, dtype: torch.dtype | None = None) -> Tensor:
    """Return fixed sinusoids over the raster index p (Beyond Masking's code), ``(1, num_prefix + h*w, dim)``.

    ``PE[p, 2i] = sin(p / 10000^(2i/D))``, ``2i + 1`` its cosine; the rows of the prefix are zero. They are computed in
    float64 and returned as ``dtype``, by default torch's.
    """
    if dim % 2:
        raise UsageError(f"dim={dim}: 1-D sin-cos positions need an even width")
    omega = 1e4 ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(grid[0] * grid[1], dtype=torch.float64).outer(omega)  # (N,D/2)
    table = torch.stack([angle.sin(), angle.cos()], 2).flatten(1).to(dtype or torch.get_default_dtype())  # (N,D)
    return torch.cat([table.new_zeros(num_prefix, dim), table])[None]


FIXED_POSITIONS = dict(sincos=sincos_pos_embed, sincos1d=sincos_pos_embed_1d)


def resize_pos_embed(table: Tensor, old: Grid, new: Grid, num_prefix: int = 1) -> Tensor:
    """Return the table ``(1, num_prefix + h*w, D)`` on another grid, with the prefix rows as they are.

    The resize is bicubic (``align_corners=False``, fp32). A 1-D table is resized as a 2-D map too: if the
    patches of another grid were simply counted, each place in the image would get the position of another place.
    """
    if tuple(old) == tuple(new):
        return table
    return resample_abs_pos_embed(table, list(new), list(old), num_prefix_tokens=num_prefix, antialias=False)
