"""Swin and Swinv2 of transformers."""

from __future__ import annotations

import re
from typing import Any

from timm.models.swin_transformer import get_relative_position_index
from torch import Tensor

from mmmim.interop.encoder import StoredEncoder
from mmmim.interop.mmpretrain_layout import check_windows
from mmmim.models.backbones.swin_timm import grid_of_meta, is_dynamic, pretrained_windows, stage_windows
from mmmim.models.backbones.transformers_model import TransformersModel

from ..classifier import Classifier
from ..target import Head
from .model import beneath, one_or_pair, refuse, split_qkv

NAMES = (
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^patch_embed\.norm\.", "embeddings.norm."),
    (r"^norm\.", "layernorm."),
    (r"^layers\.", "encoder.layers."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.attn\.cpb_mlp\.", ".attention.self.continuous_position_bias_mlp."),
    (r"\.attn\.(relative_position_bias_table|logit_scale)$", r".attention.self.\1"),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
)


def swin(encoder: StoredEncoder, head: Head | None) -> TransformersModel:
    """Return transformers' Swin of an encoder, alone or with a linear classifier."""
    window = encoder.meta["window_size"][0]
    if smaller := [each for each in stage_windows(encoder.meta) if min(each) < window]:
        raise refuse(f"its Swin has windows of {window} in all stages, here the maps of {len(smaller)} are smaller")
    return _model(encoder, head, "Swin", {}, get_relative_position_index(window, window))


def swinv2(encoder: StoredEncoder, head: Head | None) -> TransformersModel:
    """Return transformers' Swinv2 of an encoder, alone or with a linear classifier."""
    if every := encoder.meta["extra_norm_every_n_blocks"]:
        raise refuse(f"its Swinv2 has no norm after every {every} blocks", "--to mmpretrain or --to safetensors")
    return _model(encoder, head, "Swinv2", dict(pretrained_window_sizes=list(pretrained_windows(encoder.meta))))


def _model(
    encoder: StoredEncoder, head: Head | None, kind: str, more: dict[str, Any], index: Tensor | None = None
) -> TransformersModel:
    meta, model_type = encoder.meta, kind.lower()
    check_windows(encoder, "transformers")
    window, (height, width) = meta["window_size"][0], grid_of_meta(meta)
    if is_dynamic(meta) and min(height, width) >> (len(meta["depths"]) - 1) <= window:
        raise refuse(f"its {kind} does not shift windows in a stage whose map is not larger, this encoder does")
    config = dict(
        image_size=one_or_pair(meta["img_size"]),
        patch_size=one_or_pair(meta["patch_size"]),
        num_channels=meta["in_channels"],
        embed_dim=meta["embed_dims"],
        depths=list(meta["depths"]),
        num_heads=list(meta["num_heads"]),
        window_size=window,
        mlp_ratio=4.0,
        drop_path_rate=0.0,
        encoder_stride=meta["patch_size"][0] << (len(meta["depths"]) - 1),
        **more,
    )
    state = _names(encoder)
    if index is not None:  # published files have it, and releases before 5.24 ask for it
        tables = [name for name in state if name.endswith("relative_position_bias_table")]
        state |= {name.replace("bias_table", "index"): index.clone() for name in tables}
    if head is None:
        return TransformersModel(f"{kind}Model", model_type, config, state)
    assert isinstance(head, Classifier)  # a mean of normed cells; read_classifier refuses a second norm
    weight, bias = head.linear()
    state = beneath(f"{model_type}.", state) | {"classifier.weight": weight, "classifier.bias": bias}
    return TransformersModel(
        f"{kind}ForImageClassification", model_type, config, state, "AutoModelForImageClassification"
    )


def _names(encoder: StoredEncoder) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, value in encoder.state.items():
        if name.endswith(".attn.q_bias"):  # Swinv2: no bias of the keys
            state |= _renamed(name.replace("q_bias", "query.bias"), value)
        elif name.endswith(".attn.v_bias"):
            state |= _renamed(name.replace("v_bias", "value.bias"), value)
        elif ".attn.qkv." in name:
            for part, tensor in split_qkv(name, value, name.replace(".qkv.", ".{}.")).items():
                state |= _renamed(part, tensor)
        else:
            state |= _renamed(name, value)
    return state


def _renamed(name: str, value: Tensor) -> dict[str, Tensor]:
    if found := re.match(r"^layers\.(\d+)\.downsample\.", name):  # theirs closes a stage, timm's opens the next
        name = name.replace(found[0], f"layers.{int(found[1]) - 1}.downsample.")
    name = re.sub(r"\.attn\.(query|key|value)\.", r".attention.self.\1.", name)
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return {name: value}
