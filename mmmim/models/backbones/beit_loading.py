"""What a checkpoint of a BEiT-style ViT needs before it fits one of another image size or kind of table."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..layers import Grid
from ..layers.relative_position import resize_rel_pos_table, square_window
from .vit_loading import adapt_vit_state_dict

TABLE = "relative_position_bias_table"
SHARED = f"rel_pos_bias.{TABLE}"
CLS_ROWS = 3  # class token -> patch, patch -> class token, class token -> itself


def _stored_window(num_rows: int, module: Any) -> Grid:
    if module.pretrain_img_size is not None:
        (height, width), (ph, pw) = module.pretrain_img_size, module.patch_size
        return height // ph, width // pw
    h, w = module.grid_size
    return (h, w) if num_rows == (2 * h - 1) * (2 * w - 1) + CLS_ROWS else square_window(num_rows, CLS_ROWS)


def adapt_beit_state_dict(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Load hook: resize position tables, give every block its copy of a shared one, drop what is not owned here."""
    adapt_vit_state_dict(module, state_dict, prefix)
    target: Any = module
    own = dict(module.named_parameters())
    for key in [key for key in state_dict if key.startswith(prefix)]:
        name = key.removeprefix(prefix)
        if name.endswith("relative_position_index") or (name.startswith("fc_norm.") and name not in own):
            del state_dict[key]
        elif name.endswith(TABLE) and state_dict[key].shape[1:] == (target.num_heads,):
            table = state_dict[key]
            window = _stored_window(len(table), target)
            state_dict[key] = resize_rel_pos_table(table, window, target.grid_size, CLS_ROWS)
    if target.rel_pos == "block" and prefix + SHARED in state_dict:
        table = state_dict.pop(prefix + SHARED)
        for index in range(target.depth):
            state_dict[f"{prefix}blocks.{index}.attn.{TABLE}"] = table
