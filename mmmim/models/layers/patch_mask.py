from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

Grid = tuple[int, int]


@dataclass(frozen=True)
class PatchMask:
    """A division of every image's patches into visible and hidden ones, the same number in each image.

    Counts are host integers, so using a mask never synchronises with the device.

    Args:
        ids_shuffle: ``(B, N)`` permutation of the patch ids, visible patches first.
        num_hidden: K, the number of hidden patches per image.
        grid: ``(h, w)`` with ``h * w == N``.
        cell: Hidden patches come in aligned blocks of this many (rows, columns).
    """

    ids_shuffle: Tensor
    num_hidden: int
    grid: Grid
    cell: Grid = (1, 1)

    @classmethod
    def from_keys(cls, keys: Tensor, num_hidden: int, grid: Grid) -> PatchMask:
        """Return the mask that hides the ``num_hidden`` patches with the largest keys ``(B, N)``.

        Ties go to the higher id.
        """
        return cls(keys.argsort(dim=1, stable=True), num_hidden, grid)

    @classmethod
    def from_bool(cls, mask: Tensor, num_hidden: int | None = None) -> PatchMask:
        """Return the mask of ``mask (B, h, w)``, True = hidden.

        Without ``num_hidden`` the hidden patches are counted and compared, which synchronises with the device.
        """
        flat = mask.flatten(1)
        if num_hidden is None:
            counts = sorted(set(flat.sum(1).tolist()))
            if len(counts) != 1:
                raise ValueError(f"mask: every image of a batch must hide the same number of patches, got {counts}")
            num_hidden = int(counts[0])
        return cls(flat.byte().argsort(dim=1, stable=True), num_hidden, (mask.shape[1], mask.shape[2]))

    def refine(self, cell: Grid) -> PatchMask:
        """Return the same division on a grid where each patch is a block of ``cell`` patches."""
        if cell == (1, 1):
            return self
        (h, w), (rows, columns) = self.grid, cell
        fine = torch.arange(h * rows * w * columns, device=self.ids_shuffle.device)
        blocks = fine.view(h, rows, w, columns).transpose(1, 2).reshape(h * w, rows * columns)
        size = rows * self.cell[0], columns * self.cell[1]
        return PatchMask(
            blocks[self.ids_shuffle].flatten(1), self.num_hidden * rows * columns, (h * rows, w * columns), size
        )

    def coarsen(self, block: Grid) -> PatchMask | None:
        """Return the same division on a grid of blocks of ``block`` patches, or None if it would split a block."""
        if block == (1, 1):
            return self
        rows, columns = block
        if self.cell[0] % rows or self.cell[1] % columns:
            return None
        coarse = PatchMask.from_bool(self.mask[:, ::rows, ::columns], self.num_hidden // (rows * columns))
        return PatchMask(
            coarse.ids_shuffle, coarse.num_hidden, coarse.grid, (self.cell[0] // rows, self.cell[1] // columns)
        )

    @property
    def num_visible(self) -> int:
        """Return the number of visible patches per image, Nv."""
        return self.ids_shuffle.shape[1] - self.num_hidden

    @property
    def visible(self) -> Tensor:
        """Return the ids of the visible patches, ``(B, Nv)``."""
        return self.ids_shuffle[:, : self.num_visible]  # (B,Nv)

    @property
    def hidden(self) -> Tensor:
        """Return the ids of the hidden patches, ``(B, K)``."""
        return self.ids_shuffle[:, self.num_visible :]  # (B,K)

    @cached_property
    def ids_restore(self) -> Tensor:
        """Return the inverse permutation: ``gather(ids_shuffle, ids_restore) == arange(N)``."""
        order = torch.arange(self.ids_shuffle.shape[1], device=self.ids_shuffle.device)
        return torch.empty_like(self.ids_shuffle).scatter_(1, self.ids_shuffle, order.expand_as(self.ids_shuffle))

    @cached_property
    def mask(self) -> Tensor:
        """Return the mask ``(B, h, w)`` bool, True = hidden."""
        return (self.ids_restore >= self.num_visible).unflatten(1, self.grid)


def take(tokens: Tensor, ids: Tensor) -> Tensor:
    """Return ``tokens (B, N, D)`` at ``ids (B, n)``: ``(B, n, D)``."""
    return tokens.gather(1, ids.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
