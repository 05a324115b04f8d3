from __future__ import annotations

import math
from itertools import product

from torch import Tensor


def read(image: Tensor, y: float, x: float) -> Tensor:
    """Bilinear read of ``image (C,H,W)`` at pixel centres ``y, x``; zeros are outside."""
    total = image.new_zeros(image.shape[0])
    for row, column in product((math.floor(y), math.floor(y) + 1), (math.floor(x), math.floor(x) + 1)):
        if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
            total += image[:, row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total
