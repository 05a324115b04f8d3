from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmmim.datasets import Collages


def pictures(count: int = 64, side: int = 64) -> Tensor:
    """In [0, 1], none of them seen in training."""
    drawn = Collages(count, side, split="test")
    return torch.stack([torch.from_numpy(np.array(drawn.load(i))) for i in range(count)]).permute(0, 3, 1, 2) / 255


def psnr(images: Tensor, reconstructed: Tensor) -> float:
    return -10 * float((images - reconstructed).square().mean().log10())


def perplexity(ids: Tensor) -> float:
    share = torch.bincount(ids.flatten()) / ids.numel()
    return float(torch.special.entr(share).sum().exp())
