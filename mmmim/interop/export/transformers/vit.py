"""ViT of transformers, with MAE's decoder ViTMAE; what has its norm after the mean, or none, is its BEiT."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmmim.interop.encoder import StoredEncoder
from mmmim.models.backbones.transformers_model import TransformersModel

from ..classifier import Classifier
from ..decoder import Decoder
from ..target import Head
from .beit import beit
from .model import beneath, refuse
from .vit_names import block_names, vit_config, vit_names


def vit(encoder: StoredEncoder, head: Head | None) -> TransformersModel:
    """Return transformers' model of a plain ViT, alone, with a linear classifier or with MAE's decoder."""
    if not encoder.meta["with_cls_token"]:
        raise refuse("its ViT always has a class token, this encoder has none")
    if isinstance(head, Decoder):
        return _vit_mae(encoder, head)
    if not encoder.has_norm:
        return beit(encoder, head)  # the only one that norms the mean, or nothing
    state = vit_names(encoder)
    if head is None:
        return TransformersModel("ViTModel", "vit", _config(encoder, pooler_act="linear"), state | _pooler(encoder))
    assert isinstance(head, Classifier)
    if head.pool != "cls":
        raise refuse("its ViT classifies the class token, this head the mean of normed patches", "--to timm")
    weight, bias = head.linear()
    state = beneath("vit.", state) | {"classifier.weight": weight, "classifier.bias": bias}
    return TransformersModel(
        "ViTForImageClassification", "vit", _config(encoder), state, "AutoModelForImageClassification"
    )


def _config(encoder: StoredEncoder, **more: Any) -> dict[str, Any]:
    patch = encoder.meta["patch_size"]
    return dict(vit_config(encoder), encoder_stride=patch[0], qkv_bias=True, **more)


def _pooler(encoder: StoredEncoder) -> dict[str, Tensor]:
    """Return a pooler that hands the class token on, so that nothing of the model is random."""
    dims = encoder.meta["embed_dims"]
    return {"pooler.dense.weight": torch.eye(dims), "pooler.dense.bias": torch.zeros(dims)}


def _vit_mae(encoder: StoredEncoder, decoder: Decoder) -> TransformersModel:
    (height, width), (ph, pw) = encoder.meta["img_size"], encoder.meta["patch_size"]
    if height != width or ph != pw:
        raise refuse(f"its ViTMAE takes square images and patches, these are {height}x{width} and {ph}x{pw}")
    if decoder.state["decoder_pred.weight"].shape[0] != ph * pw * encoder.meta["in_channels"]:
        raise refuse("its ViTMAE predicts pixels, this decoder something else", "it without --with-head")
    if not encoder.has_norm or "mask_token" not in decoder.state:
        raise refuse("its ViTMAE has a final norm and a mask token, this checkpoint has not both")
    state = beneath("vit.", vit_names(encoder))
    for name, value in decoder.state.items():
        renamed = block_names(name, value, "decoder_blocks", "decoder_layers")
        state |= beneath("decoder.", renamed)
    config = dict(
        vit_config(encoder),
        qkv_bias=True,
        decoder_hidden_size=decoder.dims,
        decoder_num_hidden_layers=decoder.depth,
        decoder_num_attention_heads=decoder.num_heads,
        decoder_intermediate_size=decoder.mlp_dims,
        mask_ratio=decoder.mask_ratio,
        norm_pix_loss=decoder.norm_pix,
    )
    return TransformersModel("ViTMAEForPreTraining", "vit_mae", config, state, "AutoModelForPreTraining")
