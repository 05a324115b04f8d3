"""Official SimMIM files (Xie et al., 2022), pre-trained or fine-tuned.

Pre-trained files have Swin or BEiT's ViT as ``encoder`` and one convolution as ``decoder``; fine-tuned ones have the
plain names of Swin with ``norm`` and ``head``, or BEiT's names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.models.backbones import Swin, SwinV2
from mmmim.models.backbones.swin_names import BUFFERS, official_to_timm
from mmmim.models.layers.relative_position import square_window
from mmmim.models.necks import LinearDecoder

from . import beit
from .layout import Choices, Layout, State, count, shape_of

SWIN_TABLE = "attn.relative_position_bias_table"
SWIN = re.compile(r"^(patch_embed|layers|norm|mask_token|absolute_pos_embed)\b")
PIXELS_PER_TOKEN = 16  # SwinV2: windows of 12 tokens for images of 192 pixels, of 14 for 224


def rename(names: Iterable[str]) -> dict[str, str]:
    """Return mmmim's name of each tensor that has one."""
    names = [name for name in names if name.rpartition(".")[2] not in BUFFERS]
    pretrained = any(name.startswith("encoder.") for name in names)
    prefix = "encoder." if pretrained else ""
    is_swin = any(name.startswith(f"{prefix}layers.") for name in names)
    if not pretrained and not is_swin:
        return beit.rename(names)
    merges_end_a_stage = f"{prefix}layers.0.downsample.reduction.weight" in names  # in timm they begin the next one
    renamed = {}
    for name in names:
        ours = name.removeprefix(prefix)
        if name.startswith(("decoder.0.", "head.")):
            renamed[name] = re.sub(r"^decoder\.0\.|^head\.(fc\.)?", _own_prefix, name)
        elif name.startswith(prefix) if pretrained else SWIN.match(name):
            renamed[name] = f"backbone.{official_to_timm(ours) if merges_end_a_stage else ours}"
    return renamed


def _own_prefix(match: re.Match[str]) -> str:
    return "neck.layers.0." if match[0].startswith("decoder") else "head.fc."


def arrange(state: State) -> State:
    """Return the tensors with the decoder's outputs in mmmim's order.

    SimMIM's pixel shuffle counts (channel, row, column), mmmim's targets count (row, column, channel).
    """
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
    """Return SimMIM's encoder and, if the file has it, decoder, on the meta device."""
    with torch.device("meta"):
        is_swin = any(name.startswith("backbone.layers.") for name in state)
        encoder = _swin(state, choices) if is_swin else beit.build_encoder(state, choices)
        if not any(name.startswith("neck.") for name in state):
            return dict(backbone=encoder)
        outputs = shape_of(state, "neck.layers.0.weight", 2)[0]
        neck = LinearDecoder(encoder.embed_dims, outputs, num_prefix=encoder.num_prefix, max_params=2**62)
        return dict(backbone=encoder, neck=neck)


def _swin(state: State, choices: Choices) -> Swin | SwinV2:
    dims, channels, *patch = shape_of(state, "backbone.patch_embed.proj.weight", 4)
    stages = [f"backbone.layers.{stage}.blocks." for stage in range(count(state, "backbone.layers."))]
    depths = tuple(count(state, stage) for stage in stages)
    common: dict[str, Any] = dict(
        patch_size=(patch[0], patch[1]),
        in_channels=channels,
        mask_mode="replace" if "backbone.mask_token" in state else None,
    )
    if "backbone.layers.0.blocks.0.attn.logit_scale" in state:
        heads = tuple(shape_of(state, f"{stage}0.attn.logit_scale", 3)[0] for stage in stages)
        arch = dict(embed_dims=dims, depths=depths, num_heads=heads)
        return _swin_v2(state, arch, choices, common)
    tables = [shape_of(state, f"{stage}0.{SWIN_TABLE}", 2) for stage in stages]
    window = square_window(tables[0][0], 0)
    whole = [window[axis] * patch[axis] << (len(stages) - 1) for axis in (0, 1)]  # the last stage is one window
    arch = dict(embed_dims=dims, depths=depths, num_heads=tuple(heads for _, heads in tables))
    return Swin(
        arch=next((name for name, known in Swin.archs.items() if known == arch), arch),
        img_size=choices.img_size or (whole[0], whole[1]),
        window_size=window,
        **common,
    )


def _swin_v2(state: State, arch: dict, choices: Choices, common: dict[str, Any]) -> SwinV2:
    """Return the SwinV2 of a file; no tensor depends on image or window size, so these are choices or defaults."""
    normed = [name for name in state if re.match(r"backbone\.layers\.\d+\.blocks\.\d+\.norm3\.weight$", name)]
    every = min((int(name.split(".")[4]) + 1 for name in normed), default=0)
    named = [name for name, known in SwinV2.archs.items() if arch.items() <= known.items()]
    img_size = choices.img_size or (192, 192)
    return SwinV2(
        arch=named[0] if named else arch,
        img_size=img_size,
        window_size=choices.window_size or img_size[0] // PIXELS_PER_TOKEN,
        pretrained_window_sizes=(0,) * len(arch["depths"]),
        extra_norm_every_n_blocks=every,
        **common,
    )


SIMMIM = Layout(
    about="SimMIM's own files, Swin or ViT pre-trained, Swin fine-tuned (its fine-tuned ViT has BEiT's names); Swin's",
    marks=(
        ("encoder.patch_embed.proj.weight", "encoder.mask_token"),
        ("patch_embed.proj.weight", "layers.0.blocks.0.attn.qkv.weight"),
    ),
    rename=rename,
    build=build,
    arrange=arrange,
    unused={f"*{buffer}": "is computed from the architecture" for buffer in BUFFERS},
)
