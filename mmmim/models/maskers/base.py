from __future__ import annotations

from ..layers import Grid


class BaseMasker:
    """Common part of all maskers: how many patches are hidden.

    Args:
        mask_ratio: Share of hidden patches. K = N - int(N * (1 - mask_ratio)), truncated as MAE does.
    """

    needs_scores = False

    def __init__(self, mask_ratio: float = 0.75) -> None:
        if not 0 < mask_ratio < 1:
            raise ValueError(f"mask_ratio={mask_ratio} must lie strictly between 0 and 1")
        self.mask_ratio = mask_ratio

    def num_hidden(self, grid: Grid) -> int:
        total = grid[0] * grid[1]
        visible = int(total * (1 - self.mask_ratio))
        if not 0 < visible < total:
            raise ValueError(
                f"mask_ratio={self.mask_ratio} leaves {visible} of {total} patches visible on the grid {tuple(grid)}; "
                "at least one must be visible and one hidden"
            )
        return total - visible
