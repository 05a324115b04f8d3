"""Tiny BEiT-style ViTs, with windows and without, whose every part matters."""

import zlib
from typing import Any

import numpy as np
import torch
from torch import nn

from mmmim.models.backbones import BEiTViT
from mmmim.models.layers import PatchMask
from mmmim.models.maskers import RandomMasker

SMALL: dict[str, Any] = dict(embed_dims=48, depth=3, num_heads=4)
TABLE = "relative_position_bias_table"
SHARED = f"rel_pos_bias.{TABLE}"


def beit_vit(**options: Any) -> BEiTViT:
    """Return an encoder of 4x8 patches."""
    return BEiTViT(**dict(dict(arch=SMALL, img_size=(32, 64), patch_size=8, in_channels=5), **options)).eval()


def lively(model: nn.Module) -> Any:
    """Return the model in double precision, with values that depend on the names only and hide no part."""
    for name, parameter in model.named_parameters():
        r = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(parameter.shape)
        is_position = name.endswith((TABLE, "rel_pos_h", "rel_pos_w"))
        scale, shift = (0.5, 0.0) if is_position else (0.1, float("norm" in name and name.endswith("weight")))
        parameter.data = torch.from_numpy(scale * r + shift)
    return model.double()


def half(grid: tuple[int, int] = (4, 8), batch: int = 2) -> PatchMask:
    """Return a mask that hides half of the patches."""
    return RandomMasker(mask_ratio=0.5)(grid, batch)


def windowed(**options: Any) -> Any:
    """Return a lively BEiT of 5x7 patches: windows of 3x3, and global attention in block 1 of 3."""
    defaults: dict[str, Any] = dict(
        arch=SMALL, img_size=(40, 56), patch_size=8, rel_pos="block", mask_mode=None, window_size=3, global_blocks=[1]
    )
    return lively(BEiTViT(**dict(defaults, **options)).eval())


def pre_trained(**options: Any) -> Any:
    """Return a lively BEiT of 6x6 patches without windows."""
    return lively(BEiTViT(**dict(dict(arch=SMALL, img_size=48, patch_size=8), **options)).eval())
