from __future__ import annotations

import torch
from torch import Generator

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers import Grid, PatchMask, global_rand, to_device
from .base import BaseMasker


@MODELS.register_module()
class SquareMasker(BaseMasker):
    """One solid square of ``side x side`` cells, its position uniform over the grid of cells (SimMIM, Table 1).

    ``cell_size`` is what positions are aligned to: the paper's squares of 2, 3, 4 cells of 32 pixels hide 4/36, 9/36
    and 16/36 of 192 pixels; ``side=16, cell_size=4`` puts a square of 64 pixels at any multiple of 4.
    """

    def __init__(
        self,
        side: int = 3,
        cell_size: int | tuple[int, int] | None = None,
        patch_size: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__(cell_size, patch_size)
        if side < 1:
            raise UsageError(f"side={side} must be at least 1 cell")
        self.side = side

    def num_hidden_cells(self, cells: Grid) -> int:
        if self.side > min(cells):
            raise UsageError(f"side={self.side} cells is larger than the grid of {cells[0]}x{cells[1]} cells")
        return self.side**2

    def draw(
        self, cells: Grid, batch_size: int, generator: Generator | None, device: torch.device | str | None
    ) -> PatchMask:
        num_hidden = self.num_hidden_cells(cells)
        places = to_device(torch.tensor([count - self.side + 1 for count in cells]), device)
        corner = (global_rand(batch_size, 2, generator, device) * places).long()  # (B,2)
        inside = []
        for axis, count in enumerate(cells):
            offset = torch.arange(count, device=device) - corner[:, axis, None]  # (B,count)
            inside.append((offset >= 0) & (offset < self.side))
        return PatchMask.from_bool(inside[0][:, :, None] & inside[1][:, None, :], num_hidden)
