from __future__ import annotations

import torch
from recomputed import check_same, lively

from mmmim.models.maskers import RandomMasker
from mmmim.models.necks import MAEDecoder

MODULE = "mmmim.models.layers.recomputation"


def test_decoder() -> None:
    model = lively(MAEDecoder(in_dims=16, out_dims=12, grid=(2, 4), dims=32, depth=2, num_heads=4))
    mask = RandomMasker(0.5)((2, 4), 3, generator=torch.Generator().manual_seed(0))
    check_same(model, torch.randn(3, 1 + mask.num_visible, 16, dtype=torch.float64), mask, mask.hidden)
