"""timm's models of the plain ViTs: ``VisionTransformer``, and ``Beit`` for relative positions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import timm
import torch
from torch import Tensor

from mmmim.errors import UsageError

from .plain_vit import mlp_width
from .timm_model import Code, TimmModel


def vision_transformer(
    meta: Mapping[str, Any], state: dict[str, Tensor], pool: str | None, fc_norm: bool, named: bool = True
) -> TimmModel:
    """Return timm's ``VisionTransformer`` for a checkpoint; ``named`` allows a name of ``timm.create_model``."""
    has_norm = "norm.weight" in state
    arguments = dict(
        img_size=tuple(meta["img_size"]),
        patch_size=tuple(meta["patch_size"]),
        in_chans=meta["in_channels"],
        num_classes=0,
        embed_dim=meta["embed_dims"],
        depth=meta["depth"],
        num_heads=meta["num_heads"],
        mlp_ratio=mlp_width(state) / meta["embed_dims"],
        class_token=meta["with_cls_token"],
        init_values=meta.get("layer_scale"),
        pos_embed="none" if meta["pos_embed"] == "none" else "learn",
        global_pool=_pool_of(pool, "token" if meta["with_cls_token"] else "avg"),
        fc_norm=fc_norm,  # the final norm follows the mean then
        final_norm=has_norm or fc_norm,
        norm_layer=Code("partial(torch.nn.LayerNorm, eps=1e-6)", partial(torch.nn.LayerNorm, eps=1e-6)),
    )
    is_named = named and meta["with_cls_token"] and meta["pos_embed"] != "none" and has_norm
    name = square_name(meta, "vit_{arch}_patch{patch}_{size}") if is_named else None
    return TimmModel("VisionTransformer", arguments, state, name, architecture=name or "vit_base_patch16_224")


def beit(meta: Mapping[str, Any], state: dict[str, Tensor], pool: str | None, fc_norm: bool) -> TimmModel:
    """Return timm's ``Beit``, or its ``VisionTransformer`` if all positions are absolute."""
    if "window_size" in meta:
        raise UsageError(
            f"--to timm: its Beit has a class token and no windows (window_size={meta['window_size']}); "
            "use --to safetensors"
        )
    if meta["rel_pos"] == "none":
        is_plain = (meta["layer_scale"], meta["qkv_bias"]) == (None, "qkv")
        return vision_transformer(meta, _with_names_of_vit(state), pool, fc_norm, named=is_plain)
    if meta["qkv_bias"] == "qkv":
        raise UsageError(
            "--to timm: its Beit has no bias of the keys, and its VisionTransformer no relative positions; "
            "use --to safetensors"
        )
    arguments = dict(
        img_size=tuple(meta["img_size"]),
        patch_size=tuple(meta["patch_size"]),
        in_chans=meta["in_channels"],
        num_classes=0,
        global_pool=_pool_of(pool, ""),
        embed_dim=meta["embed_dims"],
        depth=meta["depth"],
        num_heads=meta["num_heads"],
        mlp_ratio=mlp_width(state) / meta["embed_dims"],
        init_values=meta["layer_scale"],
        use_abs_pos_emb=meta["pos_embed"] != "none",
        use_rel_pos_bias=meta["rel_pos"] == "block",
        use_shared_rel_pos_bias=meta["rel_pos"] == "shared",
        use_fc_norm=fc_norm,
    )
    has_norm = "norm.weight" in state or fc_norm
    return TimmModel("beit.Beit", arguments, state, has_norm=has_norm, architecture="beit_base_patch16_224")


def square_name(meta: Mapping[str, Any], form: str, **words: Any) -> str | None:
    """Return ``form`` with architecture, patch and image size filled in, if timm has a model of that name, else None.

    Only square RGB images and patches have such names.
    """
    size, patch = meta["img_size"][0], meta["patch_size"][0]
    if not isinstance(meta["arch"], str) or meta["in_channels"] != 3:
        return None
    if meta["img_size"] != [size, size] or meta["patch_size"] != [patch, patch]:
        return None
    name = form.format(arch=meta["arch"], patch=patch, size=size, **words)
    return name if timm.is_model(name) else None


def _pool_of(pool: str | None, without_head: str) -> str:
    return without_head if pool is None else "token" if pool == "cls" else "avg"


def _with_names_of_vit(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename LayerScale as in a ``VisionTransformer``, and join the biases of queries, keys and values into one."""
    state = {}
    for name, value in weights.items():
        if name.endswith(".q_bias"):
            parts = (value, torch.zeros_like(value), weights[name.replace("q_bias", "v_bias")])
            state[name.replace("q_bias", "qkv.bias")] = torch.cat(parts)
        elif not name.endswith(".v_bias"):
            state[re.sub(r"\.gamma_([12])$", r".ls\1.gamma", name)] = value
    return state
