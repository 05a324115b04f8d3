"""Scale pixel values of any type to 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmmim.errors import UsageError

ValueRange = Sequence[float] | Sequence[Sequence[float]]


def check_value_range(value_range: ValueRange | None) -> None:
    """Refuse anything but ``None``, ``(low, high)`` or a list of such pairs."""
    if value_range is None:
        return
    bounds = np.asarray(value_range, dtype=np.float64) if _is_regular(value_range) else np.empty(0)
    if bounds.shape[-1:] != (2,) or bounds.ndim > 2 or not (np.isfinite(bounds).all() and _rises(bounds)):
        raise UsageError(
            f"value_range={value_range!r}: give (low, high) with low < high, such as (0, 4095), or a list of one such "
            "pair per channel"
        )


def _is_regular(value_range: Any) -> bool:
    try:
        np.asarray(value_range, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _rises(bounds: np.ndarray) -> bool:
    return bool((bounds[..., 0] < bounds[..., 1]).all())


def to_8_bit(values: np.ndarray, value_range: ValueRange | None, name: str) -> np.ndarray:
    """Return values ``(H, W)`` or ``(H, W, C)`` as ``(H, W, C)`` uint8."""
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3:
        raise UsageError(f"{name}: expected an array (H, W) or (H, W, C), got {values.shape}")
    if value_range is None:
        if values.dtype == np.uint8:
            return values
        if values.dtype != np.uint16:
            raise UsageError(
                f"{name}: holds {values.dtype} values{_extent(values)}, whose range is not known; set "
                "dataset.value_range=(low, high), which become 0 and 255, or a list of one such pair per channel"
            )
        value_range = (0, 65535)
    if values.dtype.kind not in "buif":
        raise UsageError(f"{name}: holds {values.dtype} values, which are no pixels; store integers or floats")
    low, high = np.moveaxis(np.asarray(value_range, dtype=np.float64), -1, 0)  # scalars, or a value per channel
    if low.ndim and len(low) != values.shape[2]:
        raise UsageError(f"value_range: {len(low)} pairs, but {name} has {values.shape[2]} channels")
    precise = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    scaled = np.nan_to_num((precise - low.astype(precise.dtype)) * (255 / (high - low)).astype(precise.dtype), nan=0.0)
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _extent(values: np.ndarray) -> str:
    if not values.size or values.dtype.kind not in "buif":
        return ""
    return f" from {float(np.nanmin(values)):g} to {float(np.nanmax(values)):g}"
