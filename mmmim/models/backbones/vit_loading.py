"""Adapts a ViT checkpoint to a ViT with another input size."""

from __future__ import annotations

from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from mmmim.errors import UsageError

from ..layers import Grid, resize_pos_embed


def _stored_grid(num_patches: int, module: Any) -> Grid:
    if module.pretrain_img_size is not None:
        size, patch = module.pretrain_img_size, module.patch_size
        return size[0] // patch[0], size[1] // patch[1]
    h, w = module.grid_size
    if num_patches == h * w:
        return h, w
    if isqrt(num_patches) ** 2 != num_patches:
        raise UsageError(
            f"pos_embed of the checkpoint has {num_patches} patches, which is no square grid; "
            "give the checkpoint's image size as backbone.pretrain_img_size=(H, W)"
        )
    return isqrt(num_patches), isqrt(num_patches)


def adapt_vit_state_dict(module: nn.Module, state_dict: dict[str, Tensor], prefix: str) -> None:
    """Resize the position table, and drop the final norm if this model has none."""
    own = dict(module.named_parameters())
    for name in ("norm.weight", "norm.bias"):
        if name not in own:
            state_dict.pop(prefix + name, None)
    table = state_dict.get(prefix + "pos_embed")
    if table is None or "pos_embed" not in own:
        return
    if table.shape[-1] != own["pos_embed"].shape[-1]:
        return  # The usual report of size mismatches names another width.
    num_prefix = int(prefix + "cls_token" in state_dict)
    target: Any = module
    stored = _stored_grid(table.shape[1] - num_prefix, target)
    resized = resize_pos_embed(table, stored, target.grid_size, num_prefix)  # (1,P+N,D)
    missing = resized.new_zeros(1, max(0, target.num_prefix - num_prefix), resized.shape[-1])
    state_dict[prefix + "pos_embed"] = torch.cat([missing, resized[:, max(0, num_prefix - target.num_prefix) :]], 1)
