"""Resizes relative position tables to another window."""

from __future__ import annotations

from functools import lru_cache
from math import isqrt

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError, one_of

from .patch_mask import Grid
from .random import to_device

# Splines through values at offsets that grow geometrically (BEiT, Swin), or the table resized as an image (ViT
# detectors: bicubic, ConMIM's paper on ADE20K: bilinear), which stretches near and far offsets alike.
RESIZE_METHODS = ("geometric", "bicubic", "bilinear")


def geometric_offsets(source: int, target: int) -> np.ndarray:
    """Return where ``source`` offsets lie on the axis of ``target`` offsets (both odd): 0, ±1, ±(1+q), ±(1+q+q²), ...

    Near offsets keep their spacing, far ones are stretched: q in [1.01, 1.5] lets the last one reach ``target // 2``.
    """
    reach, low, high, q = source // 2, 1.01, 1.5, 1.01
    while high - low > 1e-6:
        q = (low + high) / 2
        low, high = (low, q) if sum(q**i for i in range(reach)) > target // 2 else (q, high)
    half = np.cumsum(q ** np.arange(reach))
    return np.concatenate([-half[::-1], [0.0], half])


@lru_cache(maxsize=64)
def spline_weights(old: int, new: int) -> np.ndarray:
    """Return the matrix ``(2 new - 1, 2 old - 1)`` from the values at a window's offsets to those at another's.

    ``old`` and ``new`` are sides of the windows. Offsets beyond the last one get its value.
    """
    from scipy.interpolate import make_interp_spline

    source, target = 2 * old - 1, 2 * new - 1
    if source == target:
        return np.eye(source)
    if source == 1:
        return np.ones((target, 1))
    offsets = geometric_offsets(source, target)
    wanted = np.clip(np.arange(target) - target // 2, offsets[0], offsets[-1])
    return make_interp_spline(offsets, np.eye(source), k=min(3, source - 1))(wanted)


def resize_rel_pos_table(
    table: Tensor, old_window: Grid, new_window: Grid, num_extra: int = 0, method: str = "geometric"
) -> Tensor:
    """Return a window's relative position table ``((2h-1)*(2w-1) + num_extra, heads)`` for another window.

    Differentiable.

    The zero offset keeps its value, and so do the last ``num_extra`` rows (those of a class token).
    """
    one_of("method", method, RESIZE_METHODS)
    (height, width) = (2 * size - 1 for size in old_window)
    if len(table) != height * width + num_extra:
        raise ValueError(
            f"a relative position table of {len(table)} rows does not belong to the window "
            f"{old_window[0]}x{old_window[1]}, which has {height}*{width} offsets and {num_extra} extra rows"
        )
    if tuple(old_window) == tuple(new_window):
        return table
    grid = table[: height * width].unflatten(0, (height, width))
    geometric = method == "geometric"
    resized = _splines(grid, old_window, new_window) if geometric else _as_image(grid, new_window, method)
    resized = resized.flatten(0, 1).to(table.dtype)
    return torch.cat([resized, table[height * width :]]) if num_extra else resized


def _splines(grid: Tensor, old_window: Grid, new_window: Grid) -> Tensor:
    rows, columns = (
        to_device(torch.from_numpy(spline_weights(old, new)), grid.device)
        for old, new in zip(old_window, new_window, strict=True)
    )
    return torch.einsum("ih,hwc,jw->ijc", rows, grid.double(), columns)


def _as_image(grid: Tensor, new_window: Grid, method: str) -> Tensor:
    size = [2 * side - 1 for side in new_window]
    image = grid.permute(2, 0, 1).unsqueeze(0)  # (1,H,2h-1,2w-1)
    return F.interpolate(image.to(torch.promote_types(grid.dtype, torch.float32)), size, mode=method)[0].permute(
        1, 2, 0
    )


def square_window(num_rows: int, num_extra: int = 0) -> Grid:
    """Return the square window that a table of this many rows belongs to."""
    side = isqrt(max(num_rows - num_extra, 0))
    if side % 2 == 0 or side**2 != num_rows - num_extra:
        raise UsageError(
            f"relative_position_bias_table of the checkpoint has {num_rows} rows, which no square window gives; "
            "use the window or image size it was trained with"
        )
    return (side + 1) // 2, (side + 1) // 2


def resize_bias_table(table: Tensor, window: Grid) -> Tensor:
    """Return a square window's table ``((2w-1)², heads)`` as ``((2h-1)*(2w-1), heads)`` of ``window``."""
    return resize_rel_pos_table(table, square_window(len(table)), window)
