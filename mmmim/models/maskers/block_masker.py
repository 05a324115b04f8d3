from __future__ import annotations

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from torch import Generator

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers import Grid, PatchMask, to_device
from .base import RatioMasker

TRIES_PER_DRAW = 64
NO_DRAWS = np.zeros((TRIES_PER_DRAW, 4))


@MODELS.register_module()
class BlockMasker(RatioMasker):
    """Block-wise masking of BEiT (`Bao et al., 2022`, Algorithm 1) with an exact count.

    Blocks are drawn until K cells are hidden: area ~ U(min_block, K - done), aspect ~ log U(aspect), sides rounded and
    smaller than the grid, top-left uniform over *all* positions. A block counts if it hides between 1 and K - done new
    cells. Cells that blocks could not fill are chosen at random.

    Args:
        min_block: Smallest block area in cells.
        aspect: Range of height / width.
        max_tries: Blocks to try per image.
        patience: Stop after this many refused blocks in a row, as BEiT's code does after 10; None goes on to
            ``max_tries``, so that hardly anything is left to fill at random.
    """

    def __init__(
        self,
        mask_ratio: float = 0.75,
        cell_size: int | tuple[int, int] | None = None,
        patch_size: int | tuple[int, int] | None = None,
        min_block: int = 16,
        aspect: tuple[float, float] = (0.3, 1 / 0.3),
        max_tries: int = 1024,
        patience: int | None = None,
        rounding: str = "visible",
        num_masked: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__(mask_ratio, cell_size, patch_size, rounding, num_masked)
        if min_block < 1:
            raise UsageError(f"min_block={min_block} must be at least 1 cell")
        if not 0 < aspect[0] <= aspect[1]:
            raise UsageError(f"aspect={aspect} must be an increasing pair of positive numbers")
        self.min_block = min_block
        self.log_aspect = np.log(aspect[0]), np.log(aspect[1])
        self.max_tries = max_tries
        self.patience = max_tries if patience is None else patience

    def draw(
        self, cells: Grid, batch_size: int, generator: Generator | None, device: torch.device | str | None
    ) -> PatchMask:
        seed = int(torch.randint(2**62, (), generator=generator))  # on the host: no synchronisation
        first, step = (0, 1) if generator is None else (get_rank(), get_world_size())
        streams = [np.random.default_rng((seed, first + row * step)) for row in range(batch_size)]
        num_hidden = self.draw_num_hidden_cells(cells, generator)
        mask = self._draw(cells, num_hidden, streams)  # (B,h,w)
        return PatchMask.from_bool(to_device(torch.from_numpy(mask), device), num_hidden)

    def _draw(self, grid: Grid, num_hidden: int, streams: list[np.random.Generator]) -> np.ndarray:
        """Draw the masks of all images in lockstep: one try per image and step, while full images stay as they are."""
        mask = np.zeros((len(streams), *grid), dtype=bool)
        refused = np.zeros(len(streams), dtype=int)  # number of refused blocks in a row
        for _ in range(0, self.max_tries, TRIES_PER_DRAW):
            unfinished = (mask.sum((1, 2)) < num_hidden) & (refused < self.patience)  # (B,)
            if not unfinished.any():
                break
            # A finished image draws nothing more: the stream that fills it up must not depend on the rest of the batch.
            tries = zip(streams, unfinished, strict=True)
            uniform = [stream.random((TRIES_PER_DRAW, 4)) if more else NO_DRAWS for stream, more in tries]
            for draw in np.stack(uniform, axis=1):  # (B,4)
                missing = num_hidden - mask.sum((1, 2))  # (B,)
                unfinished = (missing > 0) & (refused < self.patience)
                if not unfinished.any():
                    break
                block, fits = self._block(grid, missing, draw)
                added = (block & ~mask).sum((1, 2))
                accepted = unfinished & fits & (added > 0) & (added <= missing)
                mask |= block & accepted[:, None, None]
                refused = np.where(accepted, 0, refused + 1)
        return self._top_up(mask, num_hidden, streams)

    @staticmethod
    def _top_up(mask: np.ndarray, num_hidden: int, streams: list[np.random.Generator]) -> np.ndarray:
        for image, stream in zip(mask, streams, strict=True):
            if image.sum() == num_hidden:
                continue
            free = np.flatnonzero(~image)
            image.flat[stream.permutation(free)[: num_hidden - image.sum()]] = True
        return mask

    def _block(self, grid: Grid, missing: np.ndarray, draw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return one candidate rectangle per image ``(B, h, w)`` bool, and whether its sides are allowed ``(B,)``."""
        # If fewer than min_block cells are missing, the area lies between these and min_block.
        area = self.min_block + draw[:, 0] * (missing - self.min_block)
        low, high = self.log_aspect
        aspect = np.exp(low + draw[:, 1] * (high - low))
        height, width = np.rint(np.sqrt(area * aspect)), np.rint(np.sqrt(area / aspect))
        fits = (height >= 1) & (width >= 1) & (height < grid[0]) & (width < grid[1])
        top = np.floor(draw[:, 2] * (grid[0] - height + 1))
        left = np.floor(draw[:, 3] * (grid[1] - width + 1))
        rows, columns = np.arange(grid[0]), np.arange(grid[1])
        in_rows = (rows >= top[:, None]) & (rows < (top + height)[:, None])  # (B,h)
        in_columns = (columns >= left[:, None]) & (columns < (left + width)[:, None])  # (B,w)
        return in_rows[:, :, None] & in_columns[:, None, :], fits
