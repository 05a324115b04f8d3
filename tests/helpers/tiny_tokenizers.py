"""Tiny tokenizers of the published kinds, and images for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmmim.registry import MODELS

CODES = dict(num_codes=24)
TINY: dict[str, dict[str, Any]] = {
    "DALLETokenizer": dict(width=16, **CODES),
    "VQGANTokenizer": dict(width=32, **CODES),
}


def build(name: str = "DALLETokenizer", **kwargs: Any) -> Any:
    """Build a tiny tokenizer."""
    return MODELS.build(dict(type=name, **TINY[name], **kwargs))


def random(name: str = "DALLETokenizer", **kwargs: Any) -> Any:
    """Build a tiny tokenizer with random weights."""
    torch.manual_seed(0)
    return build(name, allow_random=True, **kwargs)


def images(*size: int) -> Tensor:
    """Return two images of this size."""
    return torch.from_numpy(np.random.RandomState(1).uniform(size=(2, 3, *size))).float()
