"""Adapts checkpoints of a BEiT-style ViT to another image size, window or kind of position table."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..layers import Grid, resize_offsets
from ..layers.relative_position import resize_rel_pos_table, square_window
from .vit_loading import adapt_vit_state_dict

TABLE = "relative_position_bias_table"
SHARED = f"rel_pos_bias.{TABLE}"
DECOMPOSED = ("rel_pos_h", "rel_pos_w")
CLS_ROWS = 3  # class token -> patch, patch -> class token, class token -> itself


def _stored_span(num_offsets: int, span: Grid, module: Any) -> Grid:
    """Return the grid or window that a table of the file belongs to; ``span`` is the one it has to fit here."""
    known = [span]
    if module.pretrain_img_size is not None:
        (height, width), (ph, pw) = module.pretrain_img_size, module.patch_size
        known.insert(0, (height // ph, width // pw))
    fitting = [(h, w) for h, w in known if (2 * h - 1) * (2 * w - 1) == num_offsets]
    if not fitting and module.pretrain_img_size is not None:
        return known[0]
    return fitting[0] if fitting else square_window(num_offsets)


def _fit(table: Tensor, span: Grid, module: Any) -> Tensor:
    extra = CLS_ROWS if len(table) % 2 == 0 else 0  # offsets are odd in number
    stored = _stored_span(len(table) - extra, span, module)
    resized = resize_rel_pos_table(table, stored, span, extra, module.rel_pos_resize)
    return resized if module.num_prefix else resized[: len(resized) - extra]


def adapt_beit_state_dict(module: nn.Module, state_dict: dict[str, Tensor], prefix: str) -> None:
    """Resize position tables, copy a shared table to every block, and drop tensors that this model does not have."""
    adapt_vit_state_dict(module, state_dict, prefix)
    target: Any = module
    own = dict(module.named_parameters())
    for key in [key for key in state_dict if key.startswith(prefix)]:
        name = key.removeprefix(prefix)
        if name.endswith("relative_position_index") or (name.startswith(("fc_norm.", "cls_token")) and name not in own):
            del state_dict[key]
    tables = [name for name in own if name.endswith(TABLE)]
    if prefix + SHARED in state_dict and tables:
        shared = state_dict[prefix + SHARED] if SHARED in own else state_dict.pop(prefix + SHARED)
        for name in tables:
            state_dict.setdefault(prefix + name, shared)
    for name in tables:
        table = state_dict.get(prefix + name)
        if table is not None and table.shape[1:] == (target.num_heads,):
            owner: Any = module.get_submodule(name.rpartition(".")[0])
            state_dict[prefix + name] = _fit(table, owner.span, target)
    for name, own_table in own.items():
        table = state_dict.get(prefix + name)
        if table is not None and name.endswith(DECOMPOSED) and table.shape[1:] == own_table.shape[1:]:
            state_dict[prefix + name] = resize_offsets(table, (len(own_table) + 1) // 2)
