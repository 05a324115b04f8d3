"""How training has to read images: channels, range of values, mean and standard deviation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .looked_at import LookedAt

ARRAY = "NPY"
COLOURS = 3
SENSORS = (255, 1023, 4095, 16383)  # the largest values of 8, 10, 12 and 14 bits, stored in 16
NEAR_ZERO = 0.05  # of the high end
Range = tuple[float, float] | list[tuple[float, float]]


@dataclass(frozen=True)
class Reading:
    """How a dataset reads images.

    Attributes:
        channels: Of all images.
        value_range: What becomes 0 and 255, for all channels or a pair for each; None where the default is right.
        mean, std: Of the values after that, for each channel.
        remarks: What may be wrong, a sentence each.
    """

    channels: int
    value_range: Range | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    remarks: tuple[str, ...]

    @property
    def is_usual(self) -> bool:
        """Return whether these are 8-bit colours, which every config reads."""
        return self.channels == COLOURS and self.value_range is None


def reading_of(images: Sequence[LookedAt]) -> Reading:
    """Return how images with these facts, of which there is at least one, have to be read."""
    channels = _channels(images)
    fitting = [each for each in images if each.channels == channels] or list(images)
    remarks = []
    others = [each for each in images if each.channels != channels]
    unread = [each for each in others if each.kind == ARRAY or not {channels, each.channels} <= {1, 3, 4}]
    if unread:
        remarks.append(
            f"{len(unread):,} of {len(images):,} images have another number of channels than {channels}, such as "
            f"{unread[0].channels} in {unread[0].path}: training counts them as broken"
        )
    if any(each.channels == 4 and each.kind != ARRAY for each in others):
        remarks.append("a fourth channel of images is dropped as alpha; if it is a band, set channels=4")
    types = Counter(each.dtype for each in fitting)
    if len(types) > 1:
        remarks.append(f"values of several types ({', '.join(types)}): store all images with one")
    value_range = _value_range(fitting) if len(types) == 1 else None
    mean, std = _after(fitting, value_range)
    return Reading(channels, value_range, mean, std, tuple(remarks))


def _channels(images: Sequence[LookedAt]) -> int:
    """Return the most frequent number for arrays and many channels, otherwise 1 for gray files and 3 for others."""
    found = Counter(each.channels for each in images)
    if set(found) <= {1, 3, 4} and not any(each.kind == ARRAY for each in images):
        return 1 if set(found) == {1} else COLOURS
    return found.most_common(1)[0][0]


def _value_range(images: Sequence[LookedAt]) -> Range | None:
    if images[0].dtype == "uint8":
        return None
    low = np.min([each.low for each in images], axis=0)
    high = np.max([each.high for each in images], axis=0)
    if images[0].channels in (1, COLOURS) and images[0].dtype == "uint16":
        return next(((0, limit) for limit in SENSORS if high.max() <= limit), None)
    if images[0].channels in (1, COLOURS):
        low, high = low.min(keepdims=True), high.max(keepdims=True)
    if low.min() >= 0 and 0.5 < high.min() <= high.max() <= 1:
        return (0, 1)
    pairs = [_pair(*each) for each in zip(low.tolist(), high.tolist(), strict=True)]
    return pairs[0] if len(set(pairs)) == 1 else pairs


def _pair(low: float, high: float) -> tuple[float, float]:
    """Return two short numbers around a range; a low end near 0 becomes 0."""
    if 0 <= low < NEAR_ZERO * high:
        low = 0.0
    above = _rounded(high, math.ceil)
    below = _rounded(low, math.floor)
    return below, above if above > below else below + 1.0


def _rounded(value: float, towards: Callable[[float], int]) -> float:
    """Return the value with two digits, rounded down or up."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{towards(round(value / unit, 6)) * unit:.6g}")


def _after(images: Sequence[LookedAt], value_range: Range | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation after values were scaled to 0..255."""
    mean = np.mean([each.mean for each in images], axis=0)
    std = np.sqrt(np.maximum(np.mean([each.square for each in images], axis=0) - mean**2, 0))
    if value_range is None and images[0].dtype == "uint8":
        value_range = (0, 255)
    low, high = np.moveaxis(np.asarray(value_range or (0, 65535), np.float64), -1, 0)
    factor = 255 / (high - low)
    return tuple(np.round((mean - low) * factor, 1).tolist()), tuple(np.round(np.maximum(std * factor, 1), 1).tolist())
