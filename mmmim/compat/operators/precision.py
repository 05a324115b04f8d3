from __future__ import annotations

import torch
from torch import Tensor


def at_least_fp32(values: Tensor) -> Tensor:
    """Half precision in fp32: not every kernel of torchvision takes bfloat16, on every device."""
    return values if values.dtype == torch.float64 else values.float()
