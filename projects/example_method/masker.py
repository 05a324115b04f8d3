from __future__ import annotations

import torch
from torch import Generator

from mmmim.errors import UsageError
from mmmim.models.layers import Grid, PatchMask
from mmmim.models.maskers import BaseMasker
from mmmim.registry import MODELS


@MODELS.register_module()
class CheckerboardMasker(BaseMasker):
    """A masker that hides every other cell of ``cell`` x ``cell`` patches; a coin per step decides which colour."""

    def __init__(self, cell: int = 1) -> None:
        super().__init__()
        if cell < 1:
            raise UsageError(f"cell={cell} must be at least 1 patch")
        self.cell = cell, cell

    def white(self, cells: Grid) -> torch.Tensor:
        """Return which cells are white, ``(h, w)`` bool."""
        rows, columns = (torch.arange(count) for count in cells)
        return (rows[:, None] + columns) % 2 == 0  # (h,w)

    def num_hidden_cells(self, cells: Grid) -> int:
        return int(self.white(cells).sum())

    def draw(
        self, cells: Grid, batch_size: int, generator: Generator | None, device: torch.device | str | None
    ) -> PatchMask:
        coin = bool(torch.rand((), generator=generator) < 0.5)
        board = self.white(cells) if coin else ~self.white(cells)
        mask = board.expand(batch_size, -1, -1)  # (B,h,w), True = hidden
        return PatchMask.from_bool(mask.to(device, non_blocking=True), num_hidden=int(board.sum()))
