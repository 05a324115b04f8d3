"""Builds the ViT and the MAE decoder that the shapes of their tensors describe."""

from __future__ import annotations

from math import isqrt

import torch
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.models.backbones import ViT
from mmmim.models.backbones.plain_vit import ARCHS
from mmmim.models.layers import FIXED_POSITIONS, Grid
from mmmim.models.necks import MAEDecoder

from .layout import Choices, State, count, shape_of

NUM_HEADS = {arch["embed_dims"]: arch["num_heads"] for arch in ARCHS.values()}
HALF_PRECISION = 1e-3


def build_mae(state: State, choices: Choices) -> dict[str, nn.Module]:
    """Return MAE's encoder and, if the file has it, decoder, on the meta device."""
    with torch.device("meta"):
        encoder = build_vit(state, choices)
        if any(name.startswith("neck.") for name in state):
            return dict(backbone=encoder, neck=_build_decoder(state, encoder))
        return dict(backbone=encoder)


def build_vit(state: State, choices: Choices) -> ViT:
    """Return the ViT that the shapes of renamed tensors describe."""
    dims, channels, *patch = shape_of(state, "backbone.patch_embed.proj.weight", 4)
    rows = shape_of(state, "backbone.pos_embed", 3)[1]
    with_cls_token = "backbone.cls_token" in state
    grid = grid_of_positions(rows, with_cls_token, patch, choices.img_size)
    return ViT(
        arch=arch_of(
            dims, count(state, "backbone.blocks."), mlp_ratio(state, "backbone.blocks.", dims), choices.num_heads
        ),
        img_size=(grid[0] * patch[0], grid[1] * patch[1]),
        patch_size=(patch[0], patch[1]),
        in_channels=channels,
        pos_embed=_pos_kind(state["backbone.pos_embed"], grid, with_cls_token),
        with_cls_token=with_cls_token,
        final_norm="backbone.norm.weight" in state,
    )


def _build_decoder(state: State, encoder: ViT) -> MAEDecoder:
    dims, _ = shape_of(state, "neck.decoder_embed.weight", 2)
    return MAEDecoder(
        in_dims=encoder.embed_dims,
        out_dims=shape_of(state, "neck.decoder_pred.weight", 2)[0],
        grid=encoder.grid_size,
        dims=dims,
        depth=count(state, "neck.decoder_blocks."),
        num_heads=1,  # no shape depends on it
        mlp_ratio=mlp_ratio(state, "neck.decoder_blocks.", dims),
        num_prefix=encoder.num_prefix,
    )


def mlp_ratio(state: State, blocks: str, dims: int) -> float:
    """Return the hidden width of the MLPs below ``blocks``, in widths of the tokens."""
    return shape_of(state, f"{blocks}0.mlp.fc1.weight", 2)[0] / dims


def arch_of(dims: int, depth: int, mlp_ratio: float, num_heads: int | None) -> str | dict:
    """Return the name of a published architecture, or its settings.

    Raises:
        UsageError: the number of heads is neither given nor that of a published width.
    """
    num_heads = num_heads or NUM_HEADS.get(dims)
    if num_heads is None:
        widths = ", ".join(f"{heads} for {width}" for width, heads in NUM_HEADS.items())
        raise UsageError(
            f"how many heads the attention has is not in the file, and {dims} is no published width ({widths}): "
            "give --num-heads N"
        )
    arch = dict(embed_dims=dims, depth=depth, num_heads=num_heads)
    if mlp_ratio != 4:
        return dict(arch, mlp_ratio=mlp_ratio)
    return next((name for name, published in ARCHS.items() if published == arch), arch)


def grid_of_positions(rows: int, with_cls_token: bool, patch: list[int], img_size: tuple[int, int] | None) -> Grid:
    """Return the grid of patches that a position table of ``rows`` rows belongs to; without ``img_size``, a square one.

    Raises:
        UsageError: the rows do not fit ``img_size``, or make no square.
    """
    patches = rows - with_cls_token
    if img_size is not None:
        grid = img_size[0] // patch[0], img_size[1] // patch[1]
        if grid[0] * grid[1] != patches or img_size != (grid[0] * patch[0], grid[1] * patch[1]):
            raise UsageError(
                f"--img-size {img_size[0]} {img_size[1]}: gives {grid[0]}x{grid[1]} patches of {patch[0]}x{patch[1]} "
                f"pixels, pos_embed has {patches}; leave it out where images were square"
            )
        return grid
    side = isqrt(patches)
    if side**2 == patches:
        return side, side
    if not with_cls_token and isqrt(rows - 1) ** 2 == rows - 1:
        raise UsageError(f"tensor cls_token is missing, for which pos_embed has one of its {rows} rows")
    raise UsageError(f"pos_embed has {patches} patches, which is no square grid: give --img-size H W")


def _pos_kind(table: Tensor, grid: Grid, with_cls_token: bool) -> str:
    """Return the kind of positions in a table.

    ``learned`` stands for any table that is not a fixed one, such as mmpretrain's transposed one.
    """
    with torch.device("cpu"):
        for kind, build in FIXED_POSITIONS.items():
            if table.shape[-1] % 4:
                continue
            fixed = build(grid, table.shape[-1], int(with_cls_token))
            if fixed.shape == table.shape and torch.allclose(fixed, table.float(), rtol=0, atol=HALF_PRECISION):
                return kind
    return "learned"
