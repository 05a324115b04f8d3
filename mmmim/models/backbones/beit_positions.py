from __future__ import annotations

from typing import Any

import torch
from timm.models import beit
from torch import Tensor, nn

from ..layers import Grid
from ..layers.relative_position import resize_rel_pos_table
from .beit_loading import CLS_ROWS
from .plain_vit import PlainViT


class RelativePositions(nn.Module):
    """A holder of one table of relative positions that several blocks share."""


def add_table(module: nn.Module, span: Grid, num_heads: int, with_cls: bool) -> None:
    """Give ``module`` a table of zeros for the offsets between two tokens of ``span``."""
    (h, w) = span
    owner: Any = module
    num_rows = (2 * h - 1) * (2 * w - 1) + CLS_ROWS * with_cls
    owner.span = span
    owner.relative_position_bias_table = nn.Parameter(torch.zeros(num_rows, num_heads))


def add_decomposed_tables(attn: Any, span: Grid, head_dim: int) -> None:
    """Give ``attn`` two tables of zeros, for the offsets along each axis of ``span``."""
    attn.rel_pos_h, attn.rel_pos_w = (nn.Parameter(torch.zeros(2 * side - 1, head_dim)) for side in span)


def pair_index(span: Grid, with_cls: bool, device: torch.device | None = None) -> Tensor:
    """Return the table's row for every pair of tokens, ``(n, n)``."""
    index = beit.gen_relative_position_index(span, device=device)
    return index if with_cls else index[1:, 1:]


class RelativePositionViT(PlainViT):
    """A plain ViT with tables of relative positions.

    Each ``blocks.*.attn`` owns one table, or all share ``rel_pos_bias``, or each owns two decomposed ones,
    ``rel_pos_h`` and ``rel_pos_w``. Blocks with windows have tables of the window's offsets, and share
    ``window_rel_pos_bias``.
    """

    rel_pos: str
    rel_pos_resize: str
    relative_position_index: Tensor
    window_relative_position_index: Tensor

    def _build_rel_pos(self, window_size: int | None) -> None:
        if self.rel_pos == "none":
            return
        attentions: list[Any] = [module for module in self.modules() if isinstance(module, beit.Attention)]
        kinds = [(0, "", self.grid_size)]
        if window_size is not None:
            kinds.append((window_size, "window_", (window_size, window_size)))
        for window, kind, span in kinds:
            owners: list[nn.Module] = [attn for attn in attentions if attn.window == window]
            if not owners:
                continue
            if self.rel_pos == "decomposed":
                for owner in owners:
                    add_decomposed_tables(owner, span, self.embed_dims // self.num_heads)
                continue
            index = pair_index(span, bool(self.num_prefix))  # one index for all blocks of a kind
            self.register_buffer(f"{kind}relative_position_index", index, persistent=False)
            if self.rel_pos == "shared":
                owners = [RelativePositions()]
                self.add_module(f"{kind}rel_pos_bias", owners[0])
            for owner in owners:
                add_table(owner, span, self.num_heads, bool(self.num_prefix))

    def _bias(self, table: Tensor, grid: Grid, windowed: bool = False) -> Tensor:
        """Return the bias of all pairs of tokens of the grid, or of a window: ``(1, H, n, n)``."""
        index = self.window_relative_position_index if windowed else self.relative_position_index
        if not windowed and grid != self.grid_size:
            table = resize_rel_pos_table(table, self.grid_size, grid, CLS_ROWS * self.num_prefix, self.rel_pos_resize)
            index = pair_index(grid, bool(self.num_prefix), table.device)
        return table[index].permute(2, 0, 1).contiguous().unsqueeze(0)

    def _shared_biases(self, grid: Grid) -> dict[bool, Tensor]:
        """Return the biases that blocks without (False) and with windows (True) share."""
        owners = (getattr(self, name, None) for name in ("rel_pos_bias", "window_rel_pos_bias"))
        tables = {bool(i): owner.relative_position_bias_table for i, owner in enumerate(owners) if owner is not None}
        return {windowed: self._bias(table, grid, windowed) for windowed, table in tables.items()}

    def _block_bias(self, block: Any, shared: dict[bool, Tensor], grid: Grid) -> Tensor | None:
        windowed = bool(block.attn.window)
        if self.rel_pos == "block":
            return self._bias(block.attn.relative_position_bias_table, grid, windowed)
        return shared.get(windowed)

    def run_block(self, block: Any, x: Tensor, *rest: Any) -> Tensor:
        shared, grid = rest
        return block(x, self._block_bias(block, shared, grid), grid)
