from __future__ import annotations

import torch
from torch import Tensor

from ..layers import at_least_fp32, full_precision

SAMPLE_MODES = ("softmax", "argmax", "uniform")


@torch.no_grad()
def sample_tokens(logits: Tensor, mode: str = "softmax", temperature: float = 1.0) -> Tensor:
    """Return classes ``(...)`` int64 sampled from logits ``(..., V)`` (CIM's Table 7).

    ``softmax`` draws from ``softmax(logits / temperature)``, ``uniform`` from all classes with the same probability.
    The noise is fp32 or better, also under autocast: in bfloat16 ties would favour low ids.
    """
    if mode == "argmax":
        return logits.argmax(-1)
    if mode == "uniform":
        return torch.randint(logits.shape[-1], logits.shape[:-1], device=logits.device)
    with full_precision(logits.device.type):
        probabilities = (at_least_fp32(logits) / temperature).softmax(-1)
        noise = torch.empty_like(probabilities).exponential_().clamp_min_(1e-30)
        return probabilities.div_(noise).argmax(-1)
