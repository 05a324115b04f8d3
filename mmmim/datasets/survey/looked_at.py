"""Tell what one image file is from its bytes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

import numpy as np

from mmmim.datasets.stored_values import stored_image

from .likeness import Look

MOST_VALUES = 2**16  # pixels that statistics are taken from
TAIL = 0.001  # share of the values that may lie below `low`, and above `high`


@dataclass(frozen=True)
class LookedAt:
    """The facts of an image that can be decoded.

    Attributes:
        part: ``train``, ``val``, or nothing where there are no such folders.
        name: Path below that part.
        kind: Format and mode, such as ``JPEG RGB``.
        height, width, channels: As stored; upright.
        dtype: NumPy's name of the type of its values.
        low, high: Range of the values of each channel, but for a thousandth at either end.
        mean, square: Mean of the values of each channel, and of their squares.
        digest: Hash of the bytes of the file.
        look: What it looks like; None for a flat image.
    """

    part: str
    name: str
    kind: str
    height: int
    width: int
    channels: int
    dtype: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    square: tuple[float, ...]
    digest: bytes
    look: Look | None

    @property
    def path(self) -> str:
        """Return the path below the location that was looked at."""
        return os.path.join(self.part, self.name)

    @property
    def folder(self) -> str:
        """Return the first folder of the name, which is the class where there are classes."""
        return self.name.split(os.sep, 1)[0]

    @property
    def short_side(self) -> int:
        """Return the shorter side in pixels."""
        return min(self.height, self.width)

    @property
    def aspect(self) -> float:
        """Return width divided by height."""
        return self.width / self.height


@dataclass(frozen=True)
class Broken:
    """An image that cannot be decoded, and the decoder's reason."""

    path: str
    reason: str
    refused: bool = False  # whether the file may not be read


def look_at(content: bytes, name: str, part: str = "") -> LookedAt:
    """Return the facts of the image in ``content``.

    Raises:
        Exception: It cannot be decoded; decoders raise anything.
    """
    kind, values = stored_image(content)
    if values.dtype.kind not in "buif" or not values.size:
        raise ValueError(f"an array {values.shape} of {values.dtype} holds no pixels")
    height, width, channels = values.shape
    step = max(1, int(np.sqrt(height * width / MOST_VALUES)))
    sample = values[::step, ::step].reshape(-1, channels).astype(np.float64)
    sample = sample[np.isfinite(sample).all(1)]
    if not len(sample):
        raise ValueError("no finite value")
    low, high = np.quantile(sample, [TAIL, 1 - TAIL], axis=0, method="nearest")
    return LookedAt(
        part, name, kind, height, width, channels, str(values.dtype),
        low=tuple(low.tolist()), high=tuple(high.tolist()),
        mean=tuple(sample.mean(0).tolist()), square=tuple((sample**2).mean(0).tolist()),
        digest=hashlib.blake2b(content, digest_size=16).digest(), look=Look.of(values),
    )  # fmt: skip
