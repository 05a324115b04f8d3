from __future__ import annotations

import torch
from torch import Generator

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers import Grid, PatchMask, to_pair
from .base import BaseMasker


@MODELS.register_module()
class CenterMasker(BaseMasker):
    """A masker that keeps the centre visible and hides everything around it.

    This gives zoomed-in images without resizing (Beyond Masking, Appendix A.3).

    Every image gets the same mask; 10 of 14 x 14 cells keep rows and columns 2 to 11 and hide 96.

    Args:
        keep: Visible cells, ``int`` or ``(rows, columns)``.
    """

    def __init__(
        self,
        keep: int | tuple[int, int] = 10,
        cell_size: int | tuple[int, int] | None = None,
        patch_size: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__(cell_size, patch_size)
        self.keep = to_pair(keep)
        if min(self.keep) < 1:
            raise UsageError(f"keep={keep} must be at least 1 cell")

    def _border(self, cells: Grid) -> Grid:
        """Return the number of hidden rows above (and below) and of hidden columns on the left (and right)."""
        around = cells[0] - self.keep[0], cells[1] - self.keep[1]
        grid = f"the grid of {cells[0]}x{cells[1]} cells"
        if min(around) < 0:
            raise UsageError(f"keep={self.keep} is larger than {grid}")
        if around == (0, 0):
            raise UsageError(f"keep={self.keep} is all of {grid}, so nothing would be hidden; keep fewer cells")
        if around[0] % 2 or around[1] % 2:
            raise UsageError(f"keep={self.keep} has no centred place on {grid}; the differences must be even")
        return around[0] // 2, around[1] // 2

    def num_hidden_cells(self, cells: Grid) -> int:
        self._border(cells)
        return cells[0] * cells[1] - self.keep[0] * self.keep[1]

    def draw(
        self, cells: Grid, batch_size: int, generator: Generator | None, device: torch.device | str | None
    ) -> PatchMask:
        top, left = self._border(cells)
        mask = torch.ones(batch_size, *cells, dtype=torch.bool, device=device)
        mask[:, top : top + self.keep[0], left : left + self.keep[1]] = False
        return PatchMask.from_bool(mask, self.num_hidden_cells(cells))
