"""Find images that look alike: first by a perceptual hash of low frequencies, then by the reduced images themselves.

OpenCV has the cosine transform, and images are decoded already, so that a hash is the few lines below. ImageHash and
imagededup compute the same one; they would decode every image again, and add PyWavelets or a pipeline of torchvision to
what has to be installed. The hash alone was wrong about half of the pairs in photographs of 32 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

SIDE, KEPT = 32, 8  # pixels of the reduced image, and frequencies in each direction
FLAT = 0.01  # standard deviation, as a share of the range of values, below which an image shows nothing
CLOSE = 8  # of 64 bits may differ
CORRELATION = 0.95  # of the reduced images, from which two show the same
MOST_COMPARED = 50_000  # images: twice as many take four times as long
TRIED = 5  # earlier images with the nearest hashes, of which one may show the same
AT_A_TIME = 2**22  # pairs of hashes


class Look(NamedTuple):
    """Describes how an image looks.

    Attributes:
        bits: 64 bits that say which low frequencies are strong.
        small: ``(SIDE, SIDE)`` gray pixels.
    """

    bits: int
    small: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Look | None:
        """Return the look of ``(H, W, C)``, or None for a flat image, which looks like any other flat one.

        The bits stay nearly the same when an image is stored in another size, quality or brightness.
        """
        gray = values.mean(2, dtype=np.float32)
        small = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        if not np.isfinite(small).all():
            return None
        low, high = float(small.min()), float(small.max())
        extent = 255.0 if values.dtype == np.uint8 else float(np.ptp(gray))
        if high == low or small.std() <= FLAT * extent:
            return None
        frequencies = cv2.dct(small)[:KEPT, :KEPT].ravel()
        frequencies[0] = 0  # the brightness
        bits = frequencies > np.median(frequencies)
        scaled = np.rint((small - low) * (255 / (high - low))).astype(np.uint8)
        return cls(int.from_bytes(np.packbits(bits).tobytes(), "big"), scaled)


def alike(looks: Sequence[Look | None]) -> list[tuple[int, int]]:
    """Return a pair of indices for each image that shows the same as an earlier one, the earlier one first.

    Of more than :data:`MOST_COMPARED` images only the first ones are compared.
    """
    known = [(index, look) for index, look in enumerate(looks) if look is not None][:MOST_COMPARED]
    hashes = np.array([look.bits for _, look in known], np.uint64)
    pairs: list[tuple[int, int]] = []
    rows = max(1, AT_A_TIME // max(1, len(known)))
    for start in range(0, len(known), rows):
        differing = _count_bits(hashes[start : start + rows, None] ^ hashes[None, : start + rows])
        differing[np.arange(differing.shape[1])[None] >= np.arange(start, start + len(differing))[:, None]] = 64
        for row in np.flatnonzero(differing.min(1) <= CLOSE):
            later, look = known[start + int(row)]
            nearest = np.argsort(differing[row], kind="stable")[:TRIED]
            for earlier, other in (known[int(place)] for place in nearest if differing[row, place] <= CLOSE):
                if _correlation(look, other) >= CORRELATION:
                    pairs.append((earlier, later))
                    break
    return pairs


def _correlation(one: Look, other: Look) -> float:
    return float(np.corrcoef(one.small.ravel(), other.small.ravel())[0, 1])


def _count_bits(values: np.ndarray) -> np.ndarray:
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.bitwise_count(values)
    return np.unpackbits(values[..., None].view(np.uint8), axis=-1).sum(-1)
