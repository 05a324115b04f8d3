"""Official SimMIM pre-training files (Xie et al., 2022): Swin or BEiT's ViT as ``encoder``, one convolution as
``decoder``."""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt

import torch
from torch import Tensor, nn

from mmmim.engine.errors import UsageError
from mmmim.models.backbones import BEiTViT, Swin
from mmmim.models.backbones.beit_loading import CLS_ROWS, SHARED
from mmmim.models.backbones.swin_names import BUFFERS, official_to_timm
from mmmim.models.backbones.vit import ARCHS
from mmmim.models.layers.relative_position import square_window
from mmmim.models.necks import LinearDecoder

from .layout import Choices, Layout, State, count, shape_of

SWIN_TABLE = "attn.relative_position_bias_table"
LAYER_SCALE = 0.1  # initial value in all published ViTs


def rename(names: Iterable[str]) -> dict[str, str]:
    names = list(names)
    is_swin = any(name.startswith("encoder.layers.") for name in names)
    renamed = {name: name.replace("decoder.0.", "neck.layers.0.") for name in names if name.startswith("decoder.0.")}
    for name in names:
        if name.startswith("encoder.") and name.rpartition(".")[2] not in BUFFERS:
            renamed[name] = f"backbone.{official_to_timm(name) if is_swin else name.removeprefix('encoder.')}"
    return renamed


def arrange(state: State) -> State:
    """The pixel shuffle counts (channel, row, column), our targets (row, column, channel)."""
    channels = shape_of(state, "backbone.patch_embed.proj.weight", 4)[1]
    head = {name: _by_pixels(value, channels) for name, value in state.items() if name.startswith("neck.layers.0.")}
    return {**state, **head}


def _by_pixels(value: Tensor, channels: int) -> Tensor:
    side = isqrt(len(value) // channels)
    if channels * side**2 != len(value):
        raise UsageError(f"decoder.0 has {len(value)} outputs, which are no squares of {channels} channels")
    rows = value.view(channels, side, side, -1).permute(1, 2, 0, 3).flatten(0, 2)  # (side*side*C, D or 1)
    return rows if value.ndim > 1 else rows.flatten()


def build(state: State, choices: Choices) -> dict[str, nn.Module]:
    with torch.device("meta"):
        is_swin = any(name.startswith("backbone.layers.") for name in state)
        encoder = _swin(state, choices) if is_swin else _vit(state, choices)
        if not any(name.startswith("neck.") for name in state):
            return dict(backbone=encoder)
        outputs = shape_of(state, "neck.layers.0.weight", 2)[0]
        neck = LinearDecoder(encoder.embed_dims, outputs, num_prefix=encoder.num_prefix, max_params=2**62)
        return dict(backbone=encoder, neck=neck)


def _swin(state: State, choices: Choices) -> Swin:
    dims, channels, *patch = shape_of(state, "backbone.patch_embed.proj.weight", 4)
    stages = [f"backbone.layers.{stage}.blocks." for stage in range(count(state, "backbone.layers."))]
    tables = [shape_of(state, f"{stage}0.{SWIN_TABLE}", 2) for stage in stages]
    window = square_window(tables[0][0], 0)
    whole = [window[axis] * patch[axis] << (len(stages) - 1) for axis in (0, 1)]  # the last stage is one window
    depths = tuple(count(state, stage) for stage in stages)
    arch = dict(embed_dims=dims, depths=depths, num_heads=tuple(heads for _, heads in tables))
    return Swin(
        arch=next((name for name, known in Swin.archs.items() if known == arch), arch),
        img_size=choices.img_size or (whole[0], whole[1]),
        window_size=window,
        patch_size=(patch[0], patch[1]),
        in_channels=channels,
        mask_mode="replace" if "backbone.mask_token" in state else None,
    )


def _vit(state: State, choices: Choices) -> BEiTViT:
    dims, channels, *patch = shape_of(state, "backbone.patch_embed.proj.weight", 4)
    rows, num_heads = shape_of(state, f"backbone.{SHARED}", 2)
    grid = square_window(rows, CLS_ROWS)
    hidden = shape_of(state, "backbone.blocks.0.mlp.fc1.weight", 2)[0]
    arch = dict(embed_dims=dims, depth=count(state, "backbone.blocks."), num_heads=num_heads)
    named = [name for name, known in ARCHS.items() if known == arch and hidden == 4 * dims]
    return BEiTViT(
        arch=named[0] if named else dict(arch, mlp_ratio=hidden / dims),
        img_size=choices.img_size or (grid[0] * patch[0], grid[1] * patch[1]),
        patch_size=(patch[0], patch[1]),
        in_channels=channels,
        rel_pos="shared",
        pos_embed="learned" if "backbone.pos_embed" in state else "none",
        layer_scale=LAYER_SCALE if "backbone.blocks.0.gamma_1" in state else None,
        mask_mode="replace" if "backbone.mask_token" in state else None,
    )


SIMMIM = Layout(
    about="SimMIM's own pre-training files of Swin or ViT",
    marks=("encoder.patch_embed.proj.weight", "encoder.mask_token"),
    rename=rename,
    build=build,
    arrange=arrange,
    unused={f"*.{buffer}": "is computed from the architecture" for buffer in BUFFERS},
)
