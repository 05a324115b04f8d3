"""Exports files under the names of the official codes of MAE, BEiT (also ConMIM's) and SimMIM (also Swin's).

This is the reverse of ``tools/convert.py``, which reads each written file again and has to get the same values.
Position indices and masks of windows are not written; the official codes compute them.
"""

from __future__ import annotations

import re
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmmim.checkpoint.names import ENCODER_PREFIX, PRETRAIN_ONLY, listing, matching, strip_prefix
from mmmim.errors import UsageError
from mmmim.interop.encoder import Features, StoredEncoder, build_encoder
from mmmim.interop.mmpretrain_layout import check_windows
from mmmim.models.backbones.swin_names import timm_to_official
from mmmim.models.backbones.swin_timm import is_dynamic

Names = tuple[tuple[str, str], ...]
HEAD: Names = (
    (r"^head\.norm\.0\.(weight|bias)$", r"fc_norm.\1"),
    (r"^backbone\.(fc_norm\.)", r"\1"),
    (r"^head\.fc\.", "head."),
)
NAMES: dict[str, Names] = {
    "mae": (
        *HEAD,
        (r"^neck\.(mask_token|decoder_.*)$", r"\1"),
        (r"^backbone\.(?!mask_token)", ""),
    ),
    "beit": (
        *HEAD,
        (r"^neck\.layers\.0\.", "lm_head."),
        (r"^backbone\.", ""),
    ),
    "simmim": (
        *HEAD,
        (r"^neck\.layers\.0\.", "decoder.0."),
        (r"^backbone\.", "encoder."),
    ),
}
# The layouts that hold an architecture, and why an encoder of some has none.
LAYOUTS = {"vit": ("mae",), "beit": ("beit", "simmim"), "swin": ("simmim",), "swinv2": ("simmim",)}
REFUSED = {
    "resnet": "a ResNet has torchvision's names already; use --to torchvision",
    "windowed_vit": "no official ViT has windows; use --to safetensors",
    "vit": "the official MAE always adds positions, this encoder has none; use --to timm",
    "beit": "the official BEiT has no bias of the keys, and MAE no relative positions; use --to safetensors",
}
PROBE: Names = ((r"^head\.norm\.0\.(running_.*|num_batches_tracked)$", r"head.0.\1"), (r"^head\.fc\.", "head.1."))
IMAGENET_MEAN, INCEPTION_MEAN = [123.675, 116.28, 103.53], [127.5, 127.5, 127.5]
ONE_LAYER = {"neck.layers.0.weight", "neck.layers.0.bias"}


def official_layout(encoder: StoredEncoder, target: str = "official") -> str:
    """Return the layout that holds this encoder: ``mae``, ``beit`` or ``simmim``.

    Args:
        target: Name of a layout, or ``official`` for the first that fits.

    Raises:
        UsageError: the layout, or every layout, has no place for the encoder.
    """
    fitting = _layouts(encoder)
    if not fitting:
        raise UsageError(f"--to {target}: {_reason_for_none(encoder)}")
    if target == "official":
        return fitting[0]
    if target not in fitting:
        raise UsageError(f"--to {target}: this {encoder.kind} fits only the layout of {' or '.join(fitting)}")
    return target


def _layouts(encoder: StoredEncoder) -> list[str]:
    """Return the layouts that fit, the likeliest first."""
    architecture, meta = encoder.architecture, encoder.meta
    lacking = dict(vit=meta.get("pos_embed") == "none", beit=meta.get("qkv_bias") == "qkv")  # what the codes have not
    layouts = [] if lacking.get(architecture) else list(LAYOUTS.get(architecture, ()))
    return layouts[::-1] if len(layouts) == 2 and _decodes_pixels(encoder) else layouts


def _reason_for_none(encoder: StoredEncoder) -> str:
    unknown = f"no official code has a {encoder.kind}; use --to timm or --to safetensors"
    return REFUSED.get(encoder.architecture, unknown)


def _decodes_pixels(encoder: StoredEncoder) -> bool:
    return set(encoder.others) >= ONE_LAYER and _cell(encoder) is not None


def _cell(encoder: StoredEncoder) -> int | None:
    """Return the side of the square of pixels that SimMIM's layer predicts for an output of the encoder."""
    channels, outputs = encoder.meta["in_channels"], len(encoder.others["neck.layers.0.weight"])
    side = encoder.meta["patch_size"][0] << (len(encoder.meta.get("depths", ())) or 1) - 1
    return side if outputs == channels * side**2 else None


def to_official(encoder: StoredEncoder, layout: str) -> tuple[dict[str, Tensor], list[str]]:
    """Return encoder, decoder and head under the official names, and the names of tensors that have no place there."""
    everything = {ENCODER_PREFIX + name: value for name, value in encoder.state.items()} | dict(encoder.others)
    plain = "head.fc.weight" in everything or "backbone.mask_token" not in everything  # fine-tuned: without "encoder."
    probe = "head.norm.0.running_mean" in everything
    names = (*PROBE, *NAMES["mae"]) if layout == "mae" and probe else NAMES[layout]
    without_place = set(_without_place(encoder, layout, probe))
    state, left_out = {}, []
    for name, value in everything.items():
        found = [re.sub(pattern, ours, name) for pattern, ours in names if re.match(pattern, name)]
        if name in without_place or not found:
            left_out.append(name)
            continue
        prefix = "encoder." if layout == "simmim" and found[0].startswith("encoder.") else ""
        official = found[0].removeprefix(prefix)
        official = timm_to_official(official) if "depths" in encoder.meta else official
        state[official if plain else prefix + official] = value
    if layout == "simmim" and "decoder.0.weight" in state:
        for kind in ("weight", "bias"):
            state[f"decoder.0.{kind}"] = _by_channels(state[f"decoder.0.{kind}"], encoder)
    return state, left_out


def _without_place(encoder: StoredEncoder, layout: str, probe: bool) -> list[str]:
    """Return the tensors of decoders and heads that are not the layout's own."""
    neck = {name for name in encoder.others if name.startswith("neck.")}
    if layout == "mae":
        its_own = {"neck.mask_token", "neck.decoder_pred.weight"} <= neck
        return [] if its_own else sorted(neck)
    names: list[str] = []
    if neck != ONE_LAYER or (layout == "simmim" and _cell(encoder) is None):
        names += neck
    if probe:  # no batch norm in their heads
        names += [name for name in encoder.others if name.startswith("head.")]
    return sorted(names)


def _by_channels(value: Tensor, encoder: StoredEncoder) -> Tensor:
    """Return values of mmmim's (row, column, channel) order in that of the pixel shuffle, (channel, row, column)."""
    channels = encoder.meta["in_channels"]
    side = isqrt(len(value) // channels)
    rows = value.view(side, side, channels, -1).permute(2, 0, 1, 3).flatten(0, 2).contiguous()
    return rows[..., None, None] if value.ndim > 1 else rows.flatten()  # the shape of a convolution's weight


def read_back(encoder: StoredEncoder, layout: str, file: Path) -> dict[str, Tensor]:
    """Return the tensors of the file as ``tools/convert.py`` reads them, under mmmim's full names.

    Raises:
        UsageError: the file cannot be converted.
    """
    from mmmim.interop.convert import Choices, convert, read_source

    meta = encoder.meta
    fixed = not is_dynamic(meta)  # a dynamic Swin keeps whole windows in stages that are smaller
    height, width = meta["img_size"]
    window = meta["window_size"][0] if encoder.architecture == "swinv2" else None
    choices = Choices(meta.get("num_heads"), (height, width) if fixed else None, window)
    return convert(read_source(file), layout, choices).state


def build_official(encoder: StoredEncoder, layout: str, file: Path) -> Features:
    """Return a function to token features by the encoder read back from ``file``.

    Raises:
        UsageError: ``tools/convert.py`` reads other values than were exported.
    """
    back = read_back(encoder, layout, file)
    written, left_out = to_official(encoder, layout)
    expected = {ENCODER_PREFIX + name: value for name, value in encoder.state.items()} | dict(encoder.others)
    aliases = {"backbone.fc_norm.": "head.norm.0."}  # a norm after the mean belongs to the head
    differing = []
    for name in expected:
        if name in left_out:
            continue
        alias = next((new + name.removeprefix(old) for old, new in aliases.items() if name.startswith(old)), name)
        if alias not in back or not torch.equal(back[alias], expected[name]):
            differing.append(name)
    if differing or len(back) != len(written):
        raise UsageError(
            f"--to {layout}: tools/convert.py reads other values: {listing(differing)}; nothing is written"
        )
    state = strip_prefix(back, ENCODER_PREFIX)
    for name in matching(list(state), PRETRAIN_ONLY):
        del state[name]
    return build_encoder(encoder, state)


def write_official(encoder: StoredEncoder, layout: str, file: Path) -> None:
    """Write the file that the layout's official code would have saved."""
    stored: dict[str, Any] = dict(model=to_official(encoder, layout)[0])
    if layout == "beit" and (mean := encoder.meta.get("mean")) in (IMAGENET_MEAN, INCEPTION_MEAN):
        stored["args"] = dict(imagenet_default_mean_and_std=mean == IMAGENET_MEAN)  # an option of BEiT's code
    torch.save(stored, file)


def official_usage(encoder: StoredEncoder, layout: str, file: str | Path) -> str:
    """Return how to load and to convert the file, and what was left out."""
    if encoder.architecture in ("swin", "swinv2"):
        check_windows(encoder, layout)
    state, left_out = to_official(encoder, layout)
    height, width = encoder.meta["img_size"]
    heads = f" --num-heads {encoder.meta['num_heads']}" if layout == "mae" else ""
    is_inferred = height == width and "depths" not in encoder.meta  # from the number of positions
    size = "" if is_dynamic(encoder.meta) or is_inferred else f" --img-size {height} {width}"
    window = f" --window-size {encoder.meta['window_size'][0]}" if encoder.architecture == "swinv2" else ""
    lines = [
        f"state = torch.load({str(file)!r})['model']  # {len(state)} tensors under the names of {layout}'s code",
        f"python tools/convert.py {file} --out CKPT.pth --from {layout}{heads}{size}{window}",
    ]
    if left_out:
        lines.append(f"left out, {layout}'s models have no place for it: {listing(left_out, 20)}")
    return "\n".join(lines)
