"""Official MAE files (He et al., 2022): timm's names for the encoder, ``decoder_*`` beside it, ``fc_norm`` after it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .layout import Layout
from .plain_vit import build_mae

NAMES = (
    (r"^(cls_token|pos_embed|patch_embed\..*|blocks\..*|norm\..*)$", r"backbone.\1"),
    (r"^(decoder_.*)$", r"neck.\1"),
    (r"^fc_norm\.", "head.norm.0."),  # fine-tuning
    (r"^head\.(weight|bias)$", r"head.fc.\1"),
    (r"^head\.0\.", "head.norm.0."),  # linear probe: batch norm, then the layer
    (r"^head\.1\.", "head.fc."),
)


def rename(names: Iterable[str]) -> dict[str, str]:
    """Return mmmim's name of each tensor that has one."""
    names, renamed = list(names), {}
    for name in names:
        for pattern, replacement in NAMES:
            ours, found = re.subn(pattern, replacement, name)
            if found:
                renamed[name] = ours
                break
    if "decoder_embed.weight" in names and "mask_token" in names:
        renamed["mask_token"] = "neck.mask_token"
    return renamed


MAE = Layout(
    about="MAE's own files: pre-trained with or without decoder, fine-tuned, linear probe; timm's names of a ViT",
    marks=(("patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "blocks.0.attn.qkv.bias"),),
    rename=rename,
    build=build_mae,
    unused={"mask_token": "belongs to a decoder that is not in the file"},
)
