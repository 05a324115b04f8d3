"""MAE files of MMPretrain (and MMSelfSup): the reverse of ``tools/export.py --to mmpretrain``, with the decoder."""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch

from mmmim.interop.mmpretrain_layout import mmpretrain_name
from mmmim.models.backbones import ViT

from .layout import Layout, count
from .plain_vit import build_mae

DECODER = (
    (r"^neck\.(mask_token|decoder_pos_embed|decoder_embed\..*|decoder_pred\..*)$", r"neck.\1"),
    (r"^neck\.(ln1|decoder_norm)\.", "neck.decoder_norm."),
    (r"^backbone\.ln2\.", "head.norm.0."),  # fine-tuning
    (r"^neck\.bn\.", "head.norm.0."),  # linear probe
    (r"^(head\.fc\..*)$", r"\1"),
)


def rename(names: Iterable[str]) -> dict[str, str]:
    """Return mmmim's name of each tensor that has one."""
    names, renamed = list(names), {}
    ours = _encoder_names(count(names, "backbone.layers."))
    for name in names:
        for pattern, replacement in DECODER:
            changed, found = re.subn(pattern, replacement, name)
            if found:
                renamed[name] = changed
                break
        else:
            if name.startswith("backbone."):
                rest = name.removeprefix("backbone.")
                renamed[name] = "backbone." + ours.get(rest, rest)
            elif name.startswith("neck.decoder_blocks."):
                block = name.removeprefix("neck.decoder_blocks.").partition(".")
                timm = ours.get(f"layers.0.{block[2]}", f"blocks.0.{block[2]}")
                renamed[name] = f"neck.decoder_blocks.{block[0]}." + timm.removeprefix("blocks.0.")
    return renamed


def _encoder_names(depth: int) -> dict[str, str]:
    """Return timm's name for each of mmpretrain's names of a ViT's tensors."""
    with torch.device("meta"):
        vit = ViT(arch=dict(embed_dims=4, depth=depth, num_heads=1))
    return {mmpretrain_name(name): name for name in vit.state_dict()}


MMPRETRAIN = Layout(
    about="MAE of MMPretrain: pre-trained, fine-tuned or linear probe; files of tools/export.py --to mmpretrain (ViT)",
    marks=(
        (
            "backbone.patch_embed.projection.weight",
            "backbone.layers.0.ln1.weight",
            "backbone.layers.0.attn.qkv.weight",
        ),
    ),
    rename=rename,
    build=build_mae,
    unused={"data_preprocessor.*": "mean and deviation of the images are the config's"},
)
