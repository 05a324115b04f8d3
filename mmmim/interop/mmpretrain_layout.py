"""Converts names and channel order to those of mmpretrain's backbones, and back."""

from __future__ import annotations

import re
from typing import Any

import torch
from timm.models import beit
from timm.models.swin_transformer import get_relative_position_index
from torch import Tensor

from mmmim.checkpoint.names import ENCODER_PREFIX
from mmmim.errors import UsageError
from mmmim.interop.encoder import StoredEncoder
from mmmim.models.backbones.plain_vit import mlp_width
from mmmim.models.backbones.swin_timm import grid_of_meta, is_dynamic, pretrained_windows, stage_windows

Names = tuple[tuple[str, str], ...]  # patterns of timm's names, which mmmim uses, and replacements

MLP: Names = ((r"mlp\.fc1\.", "ffn.layers.0.0."), (r"mlp\.fc2\.", "ffn.layers.1."))
VIT: Names = (
    (r"^patch_embed\.proj\.", "patch_embed.projection."),
    *((rf"^blocks\.(\d+)\.{ours}", rf"layers.\1.{theirs}") for ours, theirs in MLP),
    (r"^blocks\.(\d+)\.norm([12])\.", r"layers.\1.ln\2."),
    (r"^blocks\.(\d+)\.attn\.", r"layers.\1.attn."),
    (r"^norm\.", "ln1."),
    (r"^(cls_token|pos_embed)$", r"\1"),
)
BEIT: Names = (
    *VIT,
    (r"^blocks\.(\d+)\.(gamma_[12])$", r"layers.\1.\2"),
    (r"^(rel_pos_bias\.relative_position_bias_table)$", r"\1"),
)
SWIN: Names = (
    (r"^patch_embed\.proj\.", "patch_embed.projection."),
    (r"^(patch_embed\.norm\.)", r"\1"),
    *((rf"^layers\.(\d+)\.blocks\.(\d+)\.{ours}", rf"stages.\1.blocks.\2.{theirs}") for ours, theirs in MLP),
    (r"^layers\.(\d+)\.blocks\.(\d+)\.attn\.", r"stages.\1.blocks.\2.attn.w_msa."),
    (r"^layers\.(\d+)\.blocks\.(\d+)\.(norm[123])\.", r"stages.\1.blocks.\2.\3."),
    (r"^layers\.(\d+)\.downsample\.", r"stages.\1.downsample."),
)
CLASSES = {"VisionTransformer": VIT, "BEiTViT": BEIT, "SwinTransformer": SWIN, "SwinTransformerV2": SWIN}
CLASS_OF = {
    "vit": "VisionTransformer",
    "beit": "BEiTViT",
    "swin": "SwinTransformer",
    "swinv2": "SwinTransformerV2",
}
REFUSED = {
    "resnet": "its ResNet has the names of torchvision, as ours has; "
    "use the checkpoint itself, init_cfg=dict(type='Pretrained', checkpoint=CKPT, prefix='backbone.')",
    "windowed_vit": "its BEiTViT has a class token and no windows; use --to safetensors",
}
# A merge concatenates the pixels (row, column) = (0,0), (1,0), (0,1), (1,1); unfold counts them row by row.
UNFOLD_ORDER = (0, 2, 1, 3)


def mmpretrain_class(encoder: StoredEncoder) -> str:
    """Return the name of mmpretrain's class for an encoder.

    Raises:
        UsageError: mmpretrain has no such model.
    """
    architecture = encoder.architecture
    if architecture not in CLASS_OF:
        unknown = f"has no names for a {encoder.kind}; use --to timm or --to safetensors"
        raise UsageError(f"--to mmpretrain: {REFUSED.get(architecture, unknown)}")
    if architecture == "beit" and encoder.meta["qkv_bias"] == "qkv":
        raise UsageError("--to mmpretrain: its BEiTViT has no bias of the keys; use --to safetensors")
    if "depths" in encoder.meta:
        check_windows(encoder, "mmpretrain")
    return CLASS_OF[architecture]


def check_windows(encoder: StoredEncoder, target: str) -> None:
    """Raise ``UsageError`` unless windows are square and shifted along both axes or none, which ``target`` demands."""
    meta, windows, dynamic = encoder.meta, stage_windows(encoder.meta), is_dynamic(encoder.meta)
    (h, w), (wh, ww) = grid_of_meta(meta), meta["window_size"]
    shifted = [(dynamic or h >> s > wh, dynamic or w >> s > ww) for s in range(len(windows))]
    if any(a != b for a, b in [*windows, *shifted]):
        raise UsageError(
            f"--to {target}: its windows are square, those of this encoder are {windows} at "
            f"img_size={tuple(meta['img_size'])}, shifted where a stage is larger; use --to timm"
        )


def mmpretrain_name(name: str, kind: str = "VisionTransformer", num_stages: int = 4) -> str:
    """Return mmpretrain's name of a tensor that timm names ``name``."""
    if kind.startswith("Swin") and name.startswith("norm."):
        return f"norm{num_stages - 1}." + name.removeprefix("norm.")
    for pattern, replacement in CLASSES[kind]:
        renamed, count = re.subn(pattern, replacement, name)
        if count and kind == "SwinTransformer" and ".downsample." in renamed:
            _, stage, rest = renamed.split(".", 2)  # it merges at the end of a stage, timm at the start of the next
            return f"stages.{int(stage) - 1}.{rest}"
        if count:
            return renamed
    raise UsageError(f"tensor {name!r} has no place in mmpretrain's {kind}")


def merge_order(channels: int) -> Tensor:
    """Return ``order``, where ``order[c*4 + j]`` is the place of unfold's channel, pixel ``j`` of channel ``c``.

    The place is that in a concatenation of the four pixels.
    """
    return torch.arange(4 * channels).view(4, channels)[list(UNFOLD_ORDER)].T.flatten()


def _is_merged(name: str, kind: str) -> bool:
    """Return whether the last dimension holds the four pixels of a patch merging; SwinV2 norms after the reduction."""
    return name.endswith("downsample.reduction.weight") or (kind == "SwinTransformer" and ".downsample.norm." in name)


def to_mmpretrain(encoder: StoredEncoder) -> dict[str, Tensor]:
    """Return the weights as mmpretrain's backbones name and order them, below ``backbone.``."""
    kind, stages = mmpretrain_class(encoder), len(encoder.meta.get("depths", ()))
    state = {}
    for name, value in encoder.state.items():
        if _is_merged(name, kind):
            value = value[..., merge_order(value.shape[-1] // 4)].contiguous()
        state[mmpretrain_name(name, kind, stages)] = value
    state |= _buffers(encoder, state)
    if kind == "VisionTransformer" and encoder.meta["pos_embed"] == "none":  # mmpretrain always adds positions
        height, width = grid_of_meta(encoder.meta)
        rows = height * width + encoder.meta["with_cls_token"]
        state["pos_embed"] = torch.zeros(1, rows, encoder.meta["embed_dims"])
    return {ENCODER_PREFIX + name: value for name, value in state.items()}


def from_mmpretrain(encoder: StoredEncoder, stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return ``stored`` of :func:`to_mmpretrain` under the names, and in the order, of ``encoder``."""
    kind, stages = mmpretrain_class(encoder), len(encoder.meta.get("depths", ()))
    state = {}
    for name in encoder.state:
        value = stored[ENCODER_PREFIX + mmpretrain_name(name, kind, stages)]
        if _is_merged(name, kind):
            value = value[..., merge_order(value.shape[-1] // 4).argsort()].contiguous()
        state[name] = value
    return state


def _buffers(encoder: StoredEncoder, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the position indices, which mmpretrain needs to resize a table (it deletes them without a look)."""
    tables = [name for name in state if name.endswith("relative_position_bias_table")]
    buffers = {}
    for name in tables:
        if "depths" in encoder.meta:
            index = get_relative_position_index(*stage_windows(encoder.meta)[int(name.split(".")[1])])
        else:
            index = beit.gen_relative_position_index(grid_of_meta(encoder.meta))
        buffers[name.replace("bias_table", "index")] = index.clone()
    return buffers


def mmpretrain_usage(encoder: StoredEncoder, file: Any) -> str:
    """Return the config of mmpretrain's backbone that loads ``file``."""
    meta, kind = encoder.meta, mmpretrain_class(encoder)
    sizes = f"img_size={tuple(meta['img_size'])}, patch_size={meta['patch_size'][0]}, in_channels={meta['in_channels']}"
    if kind.startswith("Swin"):
        arch = {name: meta[name] for name in ("embed_dims", "depths", "num_heads")}
        windows = [window for window, _ in stage_windows(meta)]
        settings = f"{sizes}, out_indices=({len(windows) - 1},), pad_small_map={is_dynamic(meta)}, "
        if kind == "SwinTransformerV2":
            arch["extra_norm_every_n_blocks"] = meta["extra_norm_every_n_blocks"]
            settings += f"window_size={windows}, pretrained_window_sizes={pretrained_windows(meta)}"
        else:
            settings += f"stage_cfgs={[dict(window_size=window) for window in windows]}"
    else:
        arch = dict(
            embed_dims=meta["embed_dims"],
            num_layers=meta["depth"],
            num_heads=meta["num_heads"],
            feedforward_channels=mlp_width(encoder.state),
        )
        settings = f"{sizes}, final_norm={encoder.has_norm}"
        if kind == "BEiTViT":
            settings += (
                f", out_type='raw', use_abs_pos_emb={meta['pos_embed'] != 'none'}, "
                f"use_rel_pos_bias={meta['rel_pos'] == 'block'}, "
                f"use_shared_rel_pos_bias={meta['rel_pos'] == 'shared'}, "
                f"layer_scale_init_value={meta['layer_scale'] or 0.0}"
            )
    return (
        f"backbone = dict(type={kind!r}, arch={arch}, {settings},\n"
        f"    init_cfg=dict(type='Pretrained', checkpoint={str(file)!r}, prefix={ENCODER_PREFIX!r}))"
    )
