"""timm's models of Swin and SwinV2, and the windows that a checkpoint describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmmim.errors import UsageError

from ..layers import Grid
from .timm_model import TimmModel
from .vit_timm import square_name


def grid_of_meta(meta: Mapping[str, Any]) -> Grid:
    """Return the rows and columns of patches of the image size in a checkpoint's facts."""
    (height, width), (ph, pw) = meta["img_size"], meta["patch_size"]
    return height // ph, width // pw


def is_dynamic(meta: Mapping[str, Any]) -> bool:
    """Return whether windows keep their size in stages with smaller maps."""
    return meta.get("dynamic_size", False)


def stage_windows(meta: Mapping[str, Any]) -> list[Grid]:
    """Return the window of each stage; unless windows are dynamic, it is no larger than the stage's map."""
    (h, w), (wh, ww), stages = grid_of_meta(meta), meta["window_size"], len(meta["depths"])
    return [(wh, ww) if is_dynamic(meta) else (min(wh, h >> s), min(ww, w >> s)) for s in range(stages)]


def pretrained_windows(meta: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the windows whose offsets SwinV2's bias networks have learnt; 0 stands for a stage's own window."""
    return tuple(meta.get("pretrained_window_sizes", (0,) * len(meta["depths"])))


def swin_transformer(meta: Mapping[str, Any], state: dict[str, Tensor]) -> TimmModel:
    """Return timm's ``SwinTransformer`` for a checkpoint's facts and weights."""
    name = square_name(meta, "swin_{arch}_patch4_window{window}_{size}", window=meta["window_size"][0])
    return TimmModel(
        "swin_transformer.SwinTransformer",
        _arguments(meta),
        state,
        name if _has_default_windows(meta) else None,
        head="head.fc",
        architecture=name or "swin_tiny_patch4_window7_224",
    )


def swin_transformer_v2(meta: Mapping[str, Any], state: dict[str, Tensor]) -> TimmModel:
    """Return timm's ``SwinTransformerV2`` for a checkpoint's facts and weights.

    Raises:
        UsageError: the checkpoint has the extra norms of SwinV2-H and -G, which timm's model has not.
    """
    if every := meta["extra_norm_every_n_blocks"]:
        raise UsageError(
            f"--to timm: this SwinV2 has one more norm after every {every} blocks (extra_norm_every_n_blocks={every}), "
            "which timm's SwinTransformerV2 has no place for; use --to safetensors or --to mmpretrain"
        )
    known = pretrained_windows(meta)
    name = square_name(meta, "swinv2_{arch}_window{window}_{size}", window=meta["window_size"][0])
    is_named = _has_default_windows(meta) and not any(known)
    arguments = dict(_arguments(meta), pretrained_window_sizes=known)
    return TimmModel(
        "swin_transformer_v2.SwinTransformerV2",
        arguments,
        state,
        name if is_named else None,
        head="head.fc",
        architecture=name or "swinv2_tiny_window8_256",
    )


def _has_default_windows(meta: Mapping[str, Any]) -> bool:
    window = meta["window_size"]
    return not is_dynamic(meta) and window[0] == window[1] and meta["patch_size"][0] == 4


def _arguments(meta: Mapping[str, Any]) -> dict[str, Any]:
    sides, windows = grid_of_meta(meta), stage_windows(meta)
    if any(side >> s and (side >> s) % w[axis] for axis, side in enumerate(sides) for s, w in enumerate(windows)):
        raise UsageError(
            f"--to timm: at img_size={tuple(meta['img_size'])} the maps do not divide into windows of "
            f"{meta['window_size'][0]}x{meta['window_size'][1]}; timm shifts before it pads, Swin and mmmim after it; "
            "use --to safetensors or --to mmpretrain"
        )
    return dict(
        img_size=tuple(meta["img_size"]),
        patch_size=meta["patch_size"][0] if len(set(meta["patch_size"])) == 1 else tuple(meta["patch_size"]),
        in_chans=meta["in_channels"],
        num_classes=0,
        embed_dim=meta["embed_dims"],
        depths=tuple(meta["depths"]),
        num_heads=tuple(meta["num_heads"]),
        window_size=tuple(meta["window_size"]),
        always_partition=is_dynamic(meta),
    )
