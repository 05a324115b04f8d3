"""The settings and the names of tensors that ViT, ViTMAE and BEiT of transformers have in common."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from mmmim.interop.encoder import StoredEncoder
from mmmim.models.backbones.plain_vit import mlp_width

from .model import one_or_pair, split_qkv

BLOCK = (
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
)
STEM = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
}


def vit_config(encoder: StoredEncoder) -> dict[str, Any]:
    """Return the settings that ViT, ViTMAE and BEiT have in common."""
    meta = encoder.meta
    return dict(
        hidden_size=meta["embed_dims"],
        num_hidden_layers=meta["depth"],
        num_attention_heads=meta["num_heads"],
        intermediate_size=mlp_width(encoder.state),
        layer_norm_eps=1e-6,
        image_size=one_or_pair(meta["img_size"]),
        patch_size=one_or_pair(meta["patch_size"]),
        num_channels=meta["in_channels"],
    )


def vit_names(encoder: StoredEncoder) -> dict[str, Tensor]:
    """Return the encoder's weights under the names of ViT; without positions, those are zeros."""
    state: dict[str, Tensor] = {}
    for name, value in encoder.state.items():
        if name in STEM:
            state[STEM[name]] = value
        elif name.startswith("norm."):
            state["layernorm." + name.removeprefix("norm.")] = value
        else:
            state |= block_names(name, value, "blocks", "encoder.layer")
    if "pos_embed" not in encoder.state:
        (height, width), (ph, pw) = encoder.meta["img_size"], encoder.meta["patch_size"]
        rows = (height // ph) * (width // pw) + 1
        state[STEM["pos_embed"]] = torch.zeros(1, rows, encoder.meta["embed_dims"])
    return state


def block_names(name: str, value: Tensor, ours: str, theirs: str) -> dict[str, Tensor]:
    """Return a tensor of a block, ``<ours>.<index>.``, under the names of transformers' layers."""
    renamed = re.sub(rf"^{ours}\.", f"{theirs}.", name)
    if ".attn.qkv." in renamed:
        return split_qkv(renamed, value, renamed.replace(".attn.qkv.", ".attention.attention.{}."))
    for pattern, replacement in BLOCK:
        renamed = re.sub(pattern, replacement, renamed)
    return {renamed: value}
