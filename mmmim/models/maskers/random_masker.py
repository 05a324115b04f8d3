from __future__ import annotations

import torch
from torch import Generator

from mmmim.registry import MODELS

from ..layers import Grid, PatchMask, global_rand
from .base import RatioMasker


@MODELS.register_module()
class RandomMasker(RatioMasker):
    """Uniformly random cells: patches in MAE (`He et al., 2022`), 32-pixel cells in SimMIM (`Xie et al., 2022`)."""

    def draw(
        self, cells: Grid, batch_size: int, generator: Generator | None, device: torch.device | str | None
    ) -> PatchMask:
        noise = global_rand(batch_size, cells[0] * cells[1], generator, device)  # (B,n)
        return PatchMask.from_keys(noise, self.draw_num_hidden_cells(cells, generator), cells)
