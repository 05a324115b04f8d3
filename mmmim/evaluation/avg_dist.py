from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.layers import PatchMask, to_pair


def avg_dist(masks: PatchMask | Tensor | ArrayLike, cell: int | tuple[int, int] = 1) -> np.ndarray:
    """Return SimMIM's AvgDist (Fig. 3) of each mask: the mean distance of masked pixels to visible ones, in pixels.

    The distance of a masked pixel is the Euclidean distance from its centre to that of the nearest visible pixel.
    Pixels outside the image do not count as visible. The result is NaN for a mask that hides nothing, and NaN with a
    warning for a mask that hides everything.

    Args:
        masks: ``(..., h, w)``; True or non-zero means masked.
        cell: Pixels per element of the mask, as ``int`` or ``(height, width)``. For a mask on the backbone's token grid
            this is its ``patch_size``.

    Returns:
        ``(...)`` float64.
    """
    rows, columns = to_pair(cell)
    if min(rows, columns) < 1:
        raise UsageError(f"cell={cell} must be at least 1 pixel")
    grids = torch.as_tensor(masks.mask if isinstance(masks, PatchMask) else masks).cpu().numpy() != 0
    if grids.ndim < 2:
        raise ValueError(f"masks: shape {grids.shape} has no rows and columns; expected (..., h, w)")
    found = [_of_one(np.kron(grid, np.ones((rows, columns), bool))) for grid in grids.reshape(-1, *grids.shape[-2:])]
    full = int(grids.all((-2, -1)).sum())
    if full:
        warnings.warn(f"AvgDist of {full} of {len(found)} masks is NaN: no pixel is visible", RuntimeWarning, 2)
    return np.array(found, dtype=np.float64).reshape(grids.shape[:-2])


def _of_one(masked: np.ndarray) -> float:
    if not masked.any() or masked.all():
        return float("nan")
    from scipy.ndimage import distance_transform_edt

    return float(distance_transform_edt(masked)[masked].mean())
