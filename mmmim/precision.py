from __future__ import annotations

import torch
from torch import Tensor


def at_least_fp32(values: Tensor) -> Tensor:
    """Return lower precisions and integers converted to fp32; float64 stays, as a model may be run in it."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
