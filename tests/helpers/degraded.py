"""Pictures to degrade, and the draws of a seed."""

from __future__ import annotations

import torch
from torch import Tensor

IMAGENET = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
SIZE = (64, 64)


def pictures(batch: int = 4, size: tuple[int, int] = SIZE, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return random pictures."""
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(0)).to(dtype)


def seeded(seed: int = 1) -> torch.Generator:
    """Return a generator with this seed."""
    return torch.Generator().manual_seed(seed)
