from __future__ import annotations

from math import isqrt

import numpy as np
import torch
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

from .patch_mask import Grid


def geometric_offsets(source: int, target: int) -> np.ndarray:
    """Where ``source`` offsets lie on the axis of ``target`` offsets (both odd): 0, ±1, ±(1+q), ±(1+q+q²), ...

    Near offsets keep their spacing, far ones are stretched: q in [1.01, 1.5] lets the last one reach ``target // 2``.
    """
    reach, low, high, q = source // 2, 1.01, 1.5, 1.01
    while high - low > 1e-6:
        q = (low + high) / 2
        low, high = (low, q) if sum(q**i for i in range(reach)) > target // 2 else (q, high)
    half = np.cumsum(q ** np.arange(reach))
    return np.concatenate([-half[::-1], [0.0], half])


def _axis(source: int, target: int) -> np.ndarray:
    return geometric_offsets(source, target) if source != target else np.arange(source) - source // 2.0


def resize_bias_table(table: Tensor, window: Grid) -> Tensor:
    """Relative position bias ``((2w-1)², heads)`` of a square window -> ``((2h-1)*(2w-1), heads)`` of ``window``.

    Bicubic spline through the values at geometric offsets (BEiT, Swin, SimMIM); the zero offset keeps its value, and
    offsets beyond the last one get the border's.
    """
    side = isqrt(len(table))
    if side**2 != len(table) or side % 2 == 0:
        raise ValueError(
            f"relative_position_bias_table of the checkpoint has {len(table)} rows, which no square window gives; "
            "use the window size it was trained with"
        )
    if side < 4:
        raise ValueError(
            f"a table of {side}x{side} offsets is too small for a bicubic spline; window_size must be >= 3"
        )
    height, width = (2 * size - 1 for size in window)
    rows, columns = np.arange(height) - height // 2, np.arange(width) - width // 2
    values = table.detach().double().cpu().numpy().reshape(side, side, -1)
    resized = [
        RectBivariateSpline(_axis(side, height), _axis(side, width), values[..., head], kx=3, ky=3, s=0)(rows, columns)
        for head in range(values.shape[-1])
    ]
    return torch.from_numpy(np.stack(resized, -1)).flatten(0, 1).to(table)
