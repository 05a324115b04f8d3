"""Plain files of a pre-trained encoder for other people's code, checked to give the same features there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmmim.engine.checkpoint_keys import ENCODER_PREFIX, PRETRAIN_ONLY, listing, matching, model_state, strip_prefix
from mmmim.engine.errors import UsageError

Features = Callable[[Tensor], Tensor]  # images (B,C,H,W) -> tokens (B,1+N,D)

TOLERANCE = 1e-5
# Pattern and replacement from timm's names, which are ours, to those of mmpretrain's VisionTransformer.
MMPRETRAIN_NAMES = (
    (r"^patch_embed\.proj\.", "patch_embed.projection."),
    (r"^blocks\.(\d+)\.norm([12])\.", r"layers.\1.ln\2."),
    (r"^blocks\.(\d+)\.attn\.", r"layers.\1.attn."),
    (r"^blocks\.(\d+)\.mlp\.fc1\.", r"layers.\1.ffn.layers.0.0."),
    (r"^blocks\.(\d+)\.mlp\.fc2\.", r"layers.\1.ffn.layers.1."),
    (r"^norm\.", "ln1."),
    (r"^(cls_token|pos_embed)$", r"\1"),
)


class Encoder(NamedTuple):
    """Weights under timm's names, and what the checkpoint says about the model they belong to."""

    state: dict[str, Tensor]
    meta: dict[str, Any]

    @property
    def has_norm(self) -> bool:
        return "norm.weight" in self.state

    @property
    def mlp_width(self) -> int:
        return self.state["blocks.0.mlp.fc1.weight"].shape[0]


def read_encoder(file: str | Path) -> Encoder:
    """The encoder of a checkpoint written by this project, without what only pre-training uses.

    Raises:
        UsageError: no such file, not a PyTorch file, not written by this project, or no ViT in it.
    """
    if not Path(file).is_file():
        raise UsageError(f"{file}: there is no such file")
    try:
        checkpoint = CheckpointLoader.load_checkpoint(str(file), map_location="cpu", logger="silent")
    except Exception as error:  # unpickling anything can raise anything
        raise UsageError(f"{file}: not a PyTorch checkpoint ({type(error).__name__}: {error})") from error
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    if not isinstance(meta, dict) or "mmmim" not in meta:
        raise UsageError(
            f"{file}: not a checkpoint of mmmim: meta['mmmim'] is missing, which says how the encoder is built; "
            "give a file that tools/train.py wrote"
        )
    state = strip_prefix(model_state(checkpoint), ENCODER_PREFIX)
    if not state:
        names = listing(list(model_state(checkpoint)))
        raise UsageError(f"{file}: no tensor starts with {ENCODER_PREFIX!r}; the file holds {names}")
    if meta["mmmim"].get("backbone") != "ViT":
        raise UsageError(f"{file}: only ViT encoders can be exported, this is a {meta['mmmim'].get('backbone')}")
    for name in matching(list(state), PRETRAIN_ONLY):
        del state[name]
    return Encoder({name: value.float().contiguous() for name, value in state.items()}, dict(meta["mmmim"]))


def export(encoder: Encoder, target: str, out: str | Path) -> tuple[str, float]:
    """Write ``encoder`` to ``out`` as ``target`` wants it, and compare features of what was written.

    Returns:
        How to load the file, and the largest difference of the token features of two random images.

    Raises:
        UsageError: ``target`` is unknown, or the features differ by more than ``TOLERANCE``.
    """
    if target not in TARGETS:
        raise UsageError(f"--to {target}: choose one of {', '.join(TARGETS)}")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write, features, usage = TARGETS[target]
    write(encoder, Path(out))
    torch.manual_seed(0)
    images = torch.randn(2, encoder.meta["in_channels"], *encoder.meta["img_size"])
    with torch.no_grad():
        expected = build_vit(encoder, encoder.state)(images)
        difference = (features(encoder, Path(out))(images) - expected).abs().max().item()
    if not difference < TOLERANCE:
        Path(out).unlink()
        raise UsageError(
            f"--to {target}: features differ by {difference:.1e} (limit {TOLERANCE:.0e}); nothing is written"
        )
    return usage(encoder, Path(out)), difference


def build_vit(encoder: Encoder, state: dict[str, Tensor]) -> Features:
    from mmmim.models.backbones import ViT

    meta = encoder.meta
    arch = dict(embed_dims=meta["embed_dims"], depth=meta["depth"], num_heads=meta["num_heads"])
    model = ViT(
        arch=dict(arch, mlp_ratio=encoder.mlp_width / meta["embed_dims"]),
        img_size=tuple(meta["img_size"]),
        patch_size=tuple(meta["patch_size"]),
        in_channels=meta["in_channels"],
        pos_embed=meta["pos_embed"],
        with_cls_token=meta["with_cls_token"],
        final_norm=encoder.has_norm,
    ).eval()
    model.load_state_dict(state)
    return lambda images: model(images)[-1]  # (B,1+N,D)


def timm_settings(encoder: Encoder) -> dict[str, Any]:
    """Arguments of ``timm.models.vision_transformer.VisionTransformer``."""
    meta = encoder.meta
    return dict(
        img_size=tuple(meta["img_size"]),
        patch_size=tuple(meta["patch_size"]),
        in_chans=meta["in_channels"],
        num_classes=0,
        embed_dim=meta["embed_dims"],
        depth=meta["depth"],
        num_heads=meta["num_heads"],
        mlp_ratio=encoder.mlp_width / meta["embed_dims"],
        class_token=meta["with_cls_token"],
        pos_embed="none" if meta["pos_embed"] == "none" else "learn",
        global_pool="token" if meta["with_cls_token"] else "avg",
        fc_norm=False,
        final_norm=encoder.has_norm,
    )


def build_timm(encoder: Encoder, state: dict[str, Tensor]) -> Features:
    import timm
    from timm.models.vision_transformer import VisionTransformer

    model: Any
    if name := timm_name(encoder):
        model = timm.create_model(name, num_classes=0)
    else:
        model = VisionTransformer(**timm_settings(encoder), norm_layer=partial(nn.LayerNorm, eps=1e-6))
    model.load_state_dict(state)
    return model.eval().forward_features


def timm_name(encoder: Encoder) -> str | None:
    """timm's name of this model, such as ``vit_base_patch16_224``, if it has one."""
    import timm

    meta = encoder.meta
    (height, width), (patch, patch_width) = meta["img_size"], meta["patch_size"]
    name = f"vit_{meta['arch']}_patch{patch}_{height}"
    plain = meta["in_channels"] == 3 and meta["with_cls_token"] and meta["pos_embed"] != "none" and encoder.has_norm
    return name if plain and (height, patch) == (width, patch_width) and timm.is_model(name) else None


def to_mmpretrain(encoder: Encoder) -> dict[str, Tensor]:
    """The weights under the names of mmpretrain's ``VisionTransformer``, below ``backbone.``."""
    state = {ENCODER_PREFIX + mmpretrain_name(name): value for name, value in encoder.state.items()}
    if encoder.meta["pos_embed"] == "none":  # mmpretrain always adds positions
        patches = [
            side // patch for side, patch in zip(encoder.meta["img_size"], encoder.meta["patch_size"], strict=True)
        ]
        rows = patches[0] * patches[1] + encoder.meta["with_cls_token"]
        state[ENCODER_PREFIX + "pos_embed"] = torch.zeros(1, rows, encoder.meta["embed_dims"])
    return state


def mmpretrain_name(name: str) -> str:
    for pattern, replacement in MMPRETRAIN_NAMES:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    raise UsageError(f"tensor {name!r} has no place in mmpretrain's VisionTransformer")


def _write_pth(encoder: Encoder, out: Path) -> None:
    torch.save(encoder.state, out)


def _write_safetensors(encoder: Encoder, out: Path) -> None:
    from safetensors.torch import save_file

    save_file(encoder.state, out, metadata={"mmmim": json.dumps(encoder.meta)})


def _write_mmpretrain(encoder: Encoder, out: Path) -> None:
    torch.save(dict(state_dict=to_mmpretrain(encoder), meta=dict(mmmim=encoder.meta)), out)


def _features_timm(encoder: Encoder, file: Path) -> Features:
    return build_timm(encoder, torch.load(file, weights_only=True))


def _features_safetensors(encoder: Encoder, file: Path) -> Features:
    from safetensors.torch import load_file

    return build_vit(encoder, load_file(file))


def _features_mmpretrain(encoder: Encoder, file: Path) -> Features:
    """mmpretrain is not asked: its names are led back one by one."""
    stored = torch.load(file, weights_only=True)["state_dict"]
    return build_vit(encoder, {name: stored[ENCODER_PREFIX + mmpretrain_name(name)] for name in encoder.state})


def _usage_timm(encoder: Encoder, out: Path) -> str:
    if name := timm_name(encoder):
        return f"model = timm.create_model({name!r}, num_classes=0, checkpoint_path={str(out)!r})"
    arguments = ", ".join(f"{key}={value!r}" for key, value in timm_settings(encoder).items())
    return (
        f"model = timm.models.VisionTransformer({arguments}, norm_layer=partial(torch.nn.LayerNorm, eps=1e-6))\n"
        f"model.load_state_dict(torch.load({str(out)!r}))"
    )


def _usage_safetensors(encoder: Encoder, out: Path) -> str:
    return f"state = safetensors.torch.load_file({str(out)!r})  # timm's parameter names"


def _usage_mmpretrain(encoder: Encoder, out: Path) -> str:
    meta = encoder.meta
    arch = dict(
        embed_dims=meta["embed_dims"],
        num_layers=meta["depth"],
        num_heads=meta["num_heads"],
        feedforward_channels=encoder.mlp_width,
    )
    settings = f"img_size={tuple(meta['img_size'])}, patch_size={meta['patch_size'][0]}, final_norm={encoder.has_norm}"
    return (
        f"backbone = dict(type='VisionTransformer', arch={arch}, {settings},\n"
        f"    init_cfg=dict(type='Pretrained', checkpoint={str(out)!r}, prefix={ENCODER_PREFIX!r}))"
    )


# How to write the file, to compute features from it, and to tell the user what to do with it.
TARGETS = {
    "timm": (_write_pth, _features_timm, _usage_timm),
    "safetensors": (_write_safetensors, _features_safetensors, _usage_safetensors),
    "mmpretrain": (_write_mmpretrain, _features_mmpretrain, _usage_mmpretrain),
}
