from __future__ import annotations

from typing import Any

import torch
from torch import Generator

from mmmim.errors import UsageError
from mmmim.models.layers import Grid, PatchMask
from mmmim.registry import MODELS


@MODELS.register_module()
class CheckerboardMasker:
    """Hides every other square of ``cell`` x ``cell`` patches; a coin per step decides which colour."""

    def __init__(self, cell: int = 1) -> None:
        if cell < 1:
            raise UsageError(f"cell={cell} must be at least 1 patch")
        self.cell = cell

    def white(self, grid: Grid) -> torch.Tensor:
        rows, columns = (torch.arange(side) // self.cell for side in grid)
        return (rows[:, None] + columns[None]) % 2 == 0  # (h,w)

    def num_hidden(self, grid: Grid) -> int:
        return int(self.white(grid).sum())

    def __call__(
        self, grid: Grid, batch_size: int, *, generator: Generator | None = None, device: Any = None, **_: Any
    ) -> PatchMask:
        coin = bool(torch.rand((), generator=generator) < 0.5)
        board = self.white(grid) if coin else ~self.white(grid)
        mask = board.expand(batch_size, -1, -1)  # (B,h,w), True = hidden
        return PatchMask.from_bool(mask.to(device, non_blocking=True), num_hidden=int(board.sum()))
