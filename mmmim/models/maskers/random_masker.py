from __future__ import annotations

from typing import Any

import torch
from torch import Generator

from mmmim.registry import MODELS

from ..layers import Grid, PatchMask, global_rand
from .base import BaseMasker


@MODELS.register_module()
class RandomMasker(BaseMasker):
    """Uniformly random patches, as MAE: one ``rand(B, N)``, the largest K are hidden (`He et al., 2022`)."""

    def __call__(
        self,
        grid: Grid,
        batch_size: int,
        *,
        generator: Generator | None = None,
        device: torch.device | str | None = None,
        **_: Any,
    ) -> PatchMask:
        noise = global_rand(batch_size, grid[0] * grid[1], generator, device)  # (B,N)
        return PatchMask.from_keys(noise, self.num_hidden(grid), grid)
