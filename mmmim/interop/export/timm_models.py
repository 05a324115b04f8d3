"""timm's model of an encoder: the code that builds it, as it is printed, is what builds it here."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.interop.encoder import Encoder, Features

from .classifier import Classifier
from .torchvision_models import check_stem


class Code(str):
    """An argument that is code, not text."""

    __repr__ = str.__str__


def timm_code(encoder: Encoder, file: str | Path, classifier: Classifier | None = None) -> str:
    """Code that makes ``model`` and loads ``file`` into it; it needs ``timm``, ``torch`` and ``partial``.

    Raises:
        UsageError: timm has no such model.
    """
    if classifier is None and (name := timm_name(encoder)):
        return f"model = timm.create_model({name!r}, num_classes=0, checkpoint_path={str(file)!r})"
    kind = "ViT" if encoder.has_absolute_positions_only else encoder.kind
    model, settings = SETTINGS[kind](encoder)
    if classifier is not None:
        settings |= _head(kind, encoder, classifier)
    arguments = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    lines = [f"model = timm.models.{model}({arguments})"]
    if kind == "BEiTViT" and not encoder.has_norm and not settings["use_fc_norm"]:
        lines.append("model.norm = torch.nn.Identity()")
    return "\n".join([*lines, f"model.load_state_dict(torch.load({str(file)!r}))"])


def timm_state(encoder: Encoder) -> dict[str, Tensor]:
    """The weights, in timm's names except for a BEiT that becomes a ``VisionTransformer``."""
    if encoder.kind != "BEiTViT" or not encoder.has_absolute_positions_only:
        return encoder.state
    state = {}
    for name, value in encoder.state.items():
        if name.endswith(".q_bias"):
            parts = (value, torch.zeros_like(value), encoder.state[name.replace("q_bias", "v_bias")])
            state[name.replace("q_bias", "qkv.bias")] = torch.cat(parts)
        elif not name.endswith(".v_bias"):
            state[re.sub(r"\.gamma_([12])$", r".ls\1.gamma", name)] = value
    return state


def timm_classifier_state(encoder: Encoder, classifier: Classifier) -> dict[str, Tensor]:
    layer = {"Swin": "head.fc", "SwinV2": "head.fc", "ResNet": "fc"}.get(encoder.kind, "head")
    weight, bias = classifier.linear()
    head = {f"{layer}.weight": weight, f"{layer}.bias": bias}
    return timm_state(encoder) | {f"fc_norm.{name}": value for name, value in classifier.fc_norm().items()} | head


def _head(kind: str, encoder: Encoder, classifier: Classifier) -> dict[str, Any]:
    settings: dict[str, Any] = dict(num_classes=classifier.num_classes)
    if kind in ("ViT", "BEiTViT"):
        settings |= dict(global_pool="token" if classifier.pool == "cls" else "avg")
    if kind == "ViT":  # its final norm moves behind the mean
        return settings | dict(fc_norm=classifier.has_fc_norm, final_norm=encoder.has_norm or classifier.has_fc_norm)
    return settings | dict(use_fc_norm=classifier.has_fc_norm) if kind == "BEiTViT" else settings


def run_code(code: str) -> Any:
    """``model`` of printed code, in double precision."""
    names: dict[str, Any] = dict(timm=timm, torchvision=torchvision, torch=torch, partial=partial)
    exec(code, names)
    return names["model"].eval().double()


def build_timm(encoder: Encoder, file: Path) -> Features:
    model = run_code(timm_code(encoder, file))

    def tokens(images: Tensor) -> Tensor:
        features = model.forward_features(images)
        if features.ndim == 3:
            return features
        return features.flatten(2).transpose(1, 2) if encoder.kind == "ResNet" else features.flatten(1, 2)

    return tokens


def timm_name(encoder: Encoder) -> str | None:
    """timm's name of this model, such as ``vit_base_patch16_224``, if it has one."""
    meta = encoder.meta
    if encoder.kind == "ResNet":
        plain = (meta["in_channels"], meta["width"], meta["stem"], encoder.output_stride) == (3, 1, "7x7", 32)
        return meta["arch"] if plain and isinstance(meta["arch"], str) else None
    size, patch = meta["img_size"][0], meta["patch_size"][0]
    if not isinstance(meta["arch"], str) or meta["in_channels"] != 3:
        return None
    if meta["img_size"] != [size, size] or meta["patch_size"] != [patch, patch]:
        return None
    if encoder.is_plain_vit and meta["with_cls_token"] and meta["pos_embed"] != "none" and encoder.has_norm:
        name = f"vit_{meta['arch']}_patch{patch}_{size}"
    elif encoder.kind in ("Swin", "SwinV2") and _has_default_windows(encoder) and patch == 4:
        window = meta["window_size"][0]
        name = f"swin_{meta['arch']}_patch4_window{window}_{size}"
        if encoder.kind == "SwinV2":
            name = f"swinv2_{meta['arch']}_window{window}_{size}"
    else:
        return None
    return name if timm.is_model(name) else None


def _has_default_windows(encoder: Encoder) -> bool:
    window = encoder.meta["window_size"]
    if encoder.dynamic_size or window[0] != window[1]:
        return False
    extra = encoder.meta.get("extra_norm_every_n_blocks", 0)
    return not extra and (encoder.kind == "Swin" or not any(encoder.pretrained_windows))


def _vit(encoder: Encoder) -> tuple[str, dict[str, Any]]:
    meta = encoder.meta
    return "VisionTransformer", dict(
        img_size=tuple(meta["img_size"]),
        patch_size=tuple(meta["patch_size"]),
        in_chans=meta["in_channels"],
        num_classes=0,
        embed_dim=meta["embed_dims"],
        depth=meta["depth"],
        num_heads=meta["num_heads"],
        mlp_ratio=encoder.mlp_width / meta["embed_dims"],
        class_token=meta["with_cls_token"],
        init_values=meta.get("layer_scale"),
        pos_embed="none" if meta["pos_embed"] == "none" else "learn",
        global_pool="token" if meta["with_cls_token"] else "avg",
        fc_norm=False,
        final_norm=encoder.has_norm,
        norm_layer=Code("partial(torch.nn.LayerNorm, eps=1e-6)"),
    )


def _beit(encoder: Encoder) -> tuple[str, dict[str, Any]]:
    meta = encoder.meta
    if encoder.has_windows:
        raise UsageError(
            f"--to timm: its Beit has a class token and no windows (window_size={meta['window_size']}); "
            "use --to safetensors"
        )
    if meta["qkv_bias"] == "qkv":
        raise UsageError(
            "--to timm: its Beit has no bias of the keys, and its VisionTransformer no relative positions; "
            "use --to safetensors"
        )
    return "beit.Beit", dict(
        img_size=tuple(meta["img_size"]),
        patch_size=tuple(meta["patch_size"]),
        in_chans=meta["in_channels"],
        num_classes=0,
        global_pool="",
        embed_dim=meta["embed_dims"],
        depth=meta["depth"],
        num_heads=meta["num_heads"],
        mlp_ratio=encoder.mlp_width / meta["embed_dims"],
        init_values=meta["layer_scale"],
        use_abs_pos_emb=meta["pos_embed"] != "none",
        use_rel_pos_bias=meta["rel_pos"] == "block",
        use_shared_rel_pos_bias=meta["rel_pos"] == "shared",
        use_fc_norm=False,
    )


def _swin(encoder: Encoder) -> tuple[str, dict[str, Any]]:
    meta = encoder.meta
    if any(
        side >> s and (side >> s) % w[axis]
        for axis, side in enumerate(encoder.grid)
        for s, w in enumerate(encoder.windows)
    ):
        raise UsageError(
            f"--to timm: at img_size={tuple(meta['img_size'])} the maps do not divide into windows of "
            f"{meta['window_size'][0]}x{meta['window_size'][1]}; timm shifts before it pads, Swin and mmmim after it; "
            "use --to safetensors or --to mmpretrain"
        )
    return "swin_transformer.SwinTransformer", dict(
        img_size=tuple(meta["img_size"]),
        patch_size=meta["patch_size"][0] if len(set(meta["patch_size"])) == 1 else tuple(meta["patch_size"]),
        in_chans=meta["in_channels"],
        num_classes=0,
        embed_dim=meta["embed_dims"],
        depths=tuple(meta["depths"]),
        num_heads=tuple(meta["num_heads"]),
        window_size=tuple(meta["window_size"]),
        always_partition=encoder.dynamic_size,
    )


def _swin_v2(encoder: Encoder) -> tuple[str, dict[str, Any]]:
    if every := encoder.meta["extra_norm_every_n_blocks"]:
        raise UsageError(
            f"--to timm: this SwinV2 has one more norm after every {every} blocks (extra_norm_every_n_blocks={every}), "
            "which timm's SwinTransformerV2 has no place for; use --to safetensors or --to mmpretrain"
        )
    settings = dict(_swin(encoder)[1], pretrained_window_sizes=encoder.pretrained_windows)
    return "swin_transformer_v2.SwinTransformerV2", settings


def _resnet(encoder: Encoder) -> tuple[str, dict[str, Any]]:
    check_stem(encoder, "timm")
    return "resnet.ResNet", dict(
        block=Code(f"timm.models.resnet.{encoder.resnet_block}"),
        layers=tuple(encoder.meta["depths"]),
        num_classes=0,
        in_chans=encoder.meta["in_channels"],
        output_stride=encoder.output_stride,
    )


# Name below timm.models, and arguments.
SETTINGS = {"ViT": _vit, "BEiTViT": _beit, "Swin": _swin, "SwinV2": _swin_v2, "ResNet": _resnet}
