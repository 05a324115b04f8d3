from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.layers import PatchMask, to_pair


def avg_dist(masks: PatchMask | Tensor | ArrayLike, cell: int | tuple[int, int] = 1) -> np.ndarray:
    """AvgDist of SimMIM (Fig. 3): how far masked pixels are from what the encoder sees, in pixels, for each mask.

    Mean over the masked pixels of the Euclidean distance between their centre and that of the nearest visible pixel.
    What lies outside the image is not visible. NaN where no pixel is masked, and, with a warning, where all are.

    Args:
        masks: ``(..., h, w)``, True or non-zero = masked.
        cell: Pixels per element of the mask, ``int`` or ``(height, width)``; the backbone's ``patch_size`` where the
            mask is on its token grid.

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
    return float(distance_transform_edt(masked)[masked].mean())
