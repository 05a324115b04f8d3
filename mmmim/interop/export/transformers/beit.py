"""BEiT of transformers: relative positions, LayerScale, and a norm before or after the mean."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from mmmim.interop.encoder import StoredEncoder
from mmmim.models.backbones.transformers_model import TransformersModel

from ..classifier import Classifier
from ..target import Head
from .model import beneath, refuse
from .vit_names import vit_config, vit_names

TABLE = "relative_position_bias.relative_position_bias_table"


def beit(encoder: StoredEncoder, head: Head | None) -> TransformersModel:
    """Return transformers' BEiT of an encoder, alone or with a linear classifier."""
    meta, config = encoder.meta, _config(encoder)
    if "relative" in config["positions"] or "absolute" in config["positions"]:
        (height, width), (ph, pw) = meta["img_size"], meta["patch_size"]
        if height != width or ph != pw:
            raise refuse(
                f"its BEiT resizes position tables as those of a square; images are {height}x{width}, patches {ph}x{pw}"
            )
    del config["positions"]
    normed = encoder.has_norm
    state = _names(encoder)
    if head is None:
        if not normed:
            dims = meta["embed_dims"]
            state |= {"pooler.layernorm.weight": torch.ones(dims), "pooler.layernorm.bias": torch.zeros(dims)}
        return TransformersModel("BeitModel", "beit", dict(config, use_mean_pooling=not normed), state)
    assert isinstance(head, Classifier)
    if head.pool == "avg" and (normed or not head.has_fc_norm):
        raise refuse("its BEiT norms the mean of the patches, this head does not", "--to timm")
    if head.pool == "cls" and (not normed or head.has_fc_norm):
        raise refuse("its BEiT norms all tokens before the class token is read, this head does not", "--to timm")
    weight, bias = head.linear()
    state |= {f"pooler.layernorm.{name}": value for name, value in head.fc_norm().items()}
    state = beneath("beit.", state) | {"classifier.weight": weight, "classifier.bias": bias}
    config = dict(config, use_mean_pooling=head.pool == "avg")
    return TransformersModel("BeitForImageClassification", "beit", config, state, "AutoModelForImageClassification")


def _config(encoder: StoredEncoder) -> dict[str, Any]:
    relative, absolute = encoder.meta.get("rel_pos", "none"), encoder.meta["pos_embed"] != "none"
    kinds = ["relative"] * (relative != "none") + ["absolute"] * absolute
    return dict(
        vit_config(encoder),
        use_mask_token=False,
        use_absolute_position_embeddings=absolute,
        use_relative_position_bias=relative == "block",
        use_shared_relative_position_bias=relative == "shared",
        layer_scale_init_value=_layer_scale(encoder),
        drop_path_rate=0.0,
        positions=kinds,
    )


def _layer_scale(encoder: StoredEncoder) -> float:
    if "blocks.0.gamma_1" not in encoder.state:
        return 0.0
    return encoder.meta["layer_scale"] or 1.0  # which only says that there is one, the values are stored


def _names(encoder: StoredEncoder) -> dict[str, Tensor]:
    weights = dict(encoder.state)
    for name in [name for name in weights if name.endswith(".q_bias")]:
        block = name.removesuffix("q_bias")
        query, value = weights.pop(name), weights.pop(block + "v_bias")
        weights[block + "qkv.bias"] = torch.cat([query, torch.zeros_like(query), value])
    state = {}
    for name, value in vit_names(encoder._replace(state=weights)).items():
        if name.endswith("attention.attention.key.bias"):
            continue  # it shifts all logits of a query alike, and BEiT has none
        if name == "embeddings.position_embeddings" and "pos_embed" not in weights:
            continue
        name = re.sub(r"\.gamma_([12])$", r".lambda_\1", name)
        name = name.replace("rel_pos_bias.relative_position_bias_table", f"encoder.{TABLE}")
        name = name.replace(".attn.relative_position_bias_table", f".attention.attention.{TABLE}")
        state[name] = value
    return state
