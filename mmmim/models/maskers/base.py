from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Generator, Tensor

from mmmim.errors import UsageError, one_of

from ..contract import Part
from ..layers import Grid, PatchMask, to_pair


class BaseMasker(Part):
    """A base of all maskers, which decides how many cells are hidden and what a cell is.

    A cell is a block of ``cell_size`` pixels that is hidden or visible as a whole; by default it is one patch.

    Args:
        cell_size: Pixels, ``int`` or ``(height, width)``; a multiple of the patch size.
        patch_size: Filled from the backbone.

    Attributes:
        cell: Rows and columns of patches in a cell.
        needs_scores: Whether it is called with ``scores (B, N)`` of the patches, see :class:`ScoredMasker`.
    """

    contract: ClassVar[tuple[str, ...]] = ("cell", "needs_scores", "num_hidden", "__call__")

    cell: Grid
    needs_scores: bool = False

    def __init__(
        self, cell_size: int | tuple[int, int] | None = None, patch_size: int | tuple[int, int] | None = None
    ) -> None:
        self.cell = cell_in_patches(cell_size, patch_size)

    @abstractmethod
    def num_hidden_cells(self, cells: Grid) -> int:
        """Return the number of hidden cells, or the largest one if it varies."""

    def num_hidden(self, grid: Grid) -> int:
        """Return the number of hidden patches per image on a patch grid, or the largest one if it varies."""
        return self.num_hidden_cells(self.cells(grid)) * self.cell[0] * self.cell[1]

    def cells(self, grid: Grid) -> Grid:
        """Return the grid of cells over a patch grid."""
        (h, w), (rows, columns) = grid, self.cell
        if h % rows or w % columns:
            raise UsageError(
                f"cell_size of {rows}x{columns} patches does not divide the grid of {h}x{w} patches; "
                "choose a cell_size that divides the image size"
            )
        return h // rows, w // columns

    def draw(
        self, cells: Grid, batch_size: int, generator: Generator | None, device: torch.device | str | None
    ) -> PatchMask:
        """Return masks on the grid of cells; subclasses write this method or :meth:`__call__`."""
        raise NotImplementedError

    def __call__(
        self,
        grid: Grid,
        batch_size: int,
        *,
        images: Tensor | None = None,
        scores: Tensor | None = None,
        generator: Generator | None = None,
        device: torch.device | str | None = None,
    ) -> PatchMask:
        """Return the masks of ``batch_size`` images on a patch grid.

        ``images (B, C, H, W)`` and ``scores (B, N)`` of the patches are for maskers that read them.
        """
        return self.draw(self.cells(grid), batch_size, generator, device).refine(self.cell)


class RatioMasker(BaseMasker):
    """A base of maskers that hide a share of the cells, or a number of them.

    Args:
        mask_ratio: Share of hidden cells.
        cell_size: Pixels of a cell, see :class:`BaseMasker`.
        patch_size: Filled from the backbone.
        rounding: ``visible`` truncates the visible cells, K = N - int(N * (1 - mask_ratio)) (MAE); ``hidden`` rounds
            the hidden ones up, K = ceil(N * mask_ratio) (SimMIM); ``nearest`` rounds (CIM). In floating point they
            differ by one on some grids.
        num_masked: Number of hidden cells in place of a ratio, or ``(least, most)`` to draw it for every batch (CIM).
    """

    def __init__(
        self,
        mask_ratio: float = 0.75,
        cell_size: int | tuple[int, int] | None = None,
        patch_size: int | tuple[int, int] | None = None,
        rounding: str = "visible",
        num_masked: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__(cell_size, patch_size)
        if not 0 <= mask_ratio <= 1:
            raise UsageError(f"mask_ratio={mask_ratio} must lie between 0 and 1")
        self.mask_ratio = mask_ratio
        self.rounding = one_of("rounding", rounding, ("visible", "hidden", "nearest"))
        self.num_masked = None if num_masked is None else to_pair(num_masked)
        if self.num_masked and not 0 <= self.num_masked[0] <= self.num_masked[1]:
            raise UsageError(f"num_masked={num_masked} must be a number of cells, or a pair of increasing ones")

    def num_hidden_cells(self, cells: Grid) -> int:
        total = cells[0] * cells[1]
        if self.num_masked is not None:
            if self.num_masked[1] > total:
                raise UsageError(
                    f"num_masked={self.num_masked[1]} is larger than the grid of {cells[0]}x{cells[1]} = {total} cells"
                )
            return self.num_masked[1]
        if self.rounding == "nearest":
            return round(total * self.mask_ratio)
        if self.rounding == "hidden":
            return math.ceil(total * self.mask_ratio)
        return total - int(total * (1 - self.mask_ratio))

    def draw_num_hidden_cells(self, cells: Grid, generator: Generator | None) -> int:
        """Return the number of hidden cells of a batch, drawn if it varies."""
        most = self.num_hidden_cells(cells)
        if self.num_masked is None or self.num_masked[0] == most:
            return most
        return int(torch.randint(self.num_masked[0], most + 1, (), generator=generator))  # on the host


class ScoredMasker(RatioMasker):
    """A masker that reads how much the encoder's class token attends to each patch (CCMIM)."""

    contract: ClassVar[tuple[str, ...]] = (*BaseMasker.contract, "layers", "log_score")

    needs_scores = True

    @abstractmethod
    def layers(self, depth: int) -> tuple[int, ...]:
        """Return the 0-based blocks, of ``depth``, whose class-token attention is scored."""

    @abstractmethod
    def log_score(self, rows: list[Tensor]) -> Tensor:
        """Return log-scores ``(B, N)`` from each block's class-token logits ``(B, H, 1+N)``, its own key first."""


def cell_in_patches(cell_size: int | tuple[int, int] | None, patch_size: int | tuple[int, int] | None) -> Grid:
    """Return the rows and columns of patches in a cell of ``cell_size`` pixels; None stands for one patch."""
    if cell_size is None:
        return 1, 1
    if patch_size is None:
        raise UsageError(f"cell_size={cell_size} is in pixels and needs patch_size, the pixels of one patch")
    cell, patch = to_pair(cell_size), to_pair(patch_size)
    if min(cell) < 1 or cell[0] % patch[0] or cell[1] % patch[1]:
        raise UsageError(f"cell_size={cell_size} is not a multiple of the backbone's patch_size={patch}")
    return cell[0] // patch[0], cell[1] // patch[1]
