"""Official BEiT and ConMIM files (Bao et al., 2022; Yi et al., 2023): one ViT, pre-trained or fine-tuned.

In pre-trained files all blocks share one table of relative positions, and ``lm_head`` predicts tokens (BEiT) or
``projectors`` map to features (ConMIM, which keeps an ``lm_head`` that it does not train). In fine-tuned files each
block has its own table, ``fc_norm`` follows the mean of the patches (``norm`` the class token), and ``head``
classifies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from mmmim.checkpoint.foreign import Source
from mmmim.errors import UsageError
from mmmim.models.backbones import BEiTViT
from mmmim.models.backbones.beit_loading import CLS_ROWS, SHARED, TABLE
from mmmim.models.layers.relative_position import square_window
from mmmim.models.necks import LinearDecoder, PatchProjector

from .layout import Choices, Layout, State, count, shape_of
from .plain_vit import arch_of, grid_of_positions, mlp_ratio

LAYER_SCALE = 0.1  # initial value in the published ViT-B
COMPUTED = {"*relative_position_index": "is computed from the architecture"}
INCEPTION = (0.5, 0.5, 0.5)  # mean and deviation that BEiT's code uses by default
ENCODER = (
    (r"^(cls_token|mask_token|pos_embed|patch_embed\..*|rel_pos_bias\..*|blocks\..*|norm\..*)$", r"backbone.\1"),
    (r"^fc_norm\.", "head.norm.0."),
    (r"^head\.(weight|bias)$", r"head.fc.\1"),
)


def rename(names: Iterable[str], *more: tuple[str, str]) -> dict[str, str]:
    """Return mmmim's name of each tensor that has one; ``more`` are patterns and replacements of a layout."""
    renamed = {}
    for name in names:
        for pattern, replacement in (*ENCODER, *more):
            ours, found = re.subn(pattern, replacement, name)
            if found and not name.endswith("relative_position_index"):
                renamed[name] = ours
                break
    return renamed


def build_encoder(state: State, choices: Choices) -> BEiTViT:
    """Return the encoder that the shapes of renamed tensors describe."""
    dims, channels, *patch = shape_of(state, "backbone.patch_embed.proj.weight", 4)
    tables = {"shared": f"backbone.{SHARED}", "block": f"backbone.blocks.0.attn.{TABLE}"}
    rel_pos = next((kind for kind, table in tables.items() if table in state), "none")
    num_heads, absolute = choices.num_heads, "backbone.pos_embed" in state
    if rel_pos != "none":
        rows, num_heads = shape_of(state, tables[rel_pos], 2)
        grid = (0, 0) if choices.img_size else square_window(rows, CLS_ROWS)
    elif absolute:
        grid = grid_of_positions(shape_of(state, "backbone.pos_embed", 3)[1], True, patch, choices.img_size)
    elif choices.img_size is None:
        raise UsageError("the file has no positions, neither absolute nor relative: give --img-size H W")
    arch = arch_of(dims, count(state, "backbone.blocks."), mlp_ratio(state, "backbone.blocks.", dims), num_heads)
    return BEiTViT(
        arch=arch,
        img_size=choices.img_size or (grid[0] * patch[0], grid[1] * patch[1]),
        patch_size=(patch[0], patch[1]),
        in_channels=channels,
        rel_pos=rel_pos,
        pos_embed="learned" if absolute else "none",
        layer_scale=LAYER_SCALE if "backbone.blocks.0.gamma_1" in state else None,
        mask_mode="replace" if "backbone.mask_token" in state else None,
        final_norm="backbone.norm.weight" in state,
    )


def build_beit(state: State, choices: Choices) -> dict[str, nn.Module]:
    """Return BEiT's encoder and, if the file has it, token head, on the meta device."""
    with torch.device("meta"):
        encoder = build_encoder(state, choices)
        if not any(name.startswith("neck.") for name in state):
            return dict(backbone=encoder)
        num_tokens = shape_of(state, "neck.layers.0.weight", 2)[0]
        return dict(backbone=encoder, neck=LinearDecoder(encoder.embed_dims, num_tokens, num_prefix=1))


def build_conmim(state: State, choices: Choices) -> dict[str, nn.Module]:
    """Return ConMIM's encoder and, if the file has it, projector, on the meta device."""
    with torch.device("meta"):
        encoder = build_encoder(state, choices)
        layers = sum(name.startswith("neck.layers.") and state[name].ndim == 2 for name in state)
        if not layers:
            return dict(backbone=encoder)
        hidden = shape_of(state, "neck.layers.0.weight", 2)[0]
        dims = shape_of(state, f"neck.layers.{3 * (layers - 1)}.weight", 2)[0]  # linear, norm, ReLU
        return dict(backbone=encoder, neck=PatchProjector(encoder.embed_dims, dims, hidden, layers))


def note_on_encoder(source: Source) -> str:
    """Return a note on which of ConMIM's two encoders a file holds.

    Both are saved under the same names, in two files.
    """
    file = Path(source.file).name
    if file.startswith("checkpoint_copy"):
        return "this is the slow encoder, which the authors fine-tune"
    if file.startswith("checkpoint-"):
        return "this is the trained encoder; the authors fine-tune the slow one, of checkpoint_copy-*.pth"
    return (
        "the file does not say which encoder it holds: the authors fine-tune the slow one, which their code saves as "
        "checkpoint_copy-*.pth"
    )


def note_on_statistics(source: Source) -> str | None:
    """Return a note on mean and deviation of the images, unless the file's options name them."""
    if "imagenet_default_mean_and_std" in source.options:
        return None
    return (
        "mean and deviation of the images are taken to be 0.5, as in BEiT's code; where they were ImageNet's, "
        "as in SimMIM and ConMIM, give --from simmim or --from conmim"
    )


MARKS = ("patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "blocks.0.attn.q_bias")

BEIT = Layout(
    about="BEiT's own files, pre-trained or fine-tuned; fine-tuned ViTs of ConMIM and SimMIM; timm's Beit",
    marks=(MARKS,),
    rename=lambda names: rename(names, (r"^lm_head\.", "neck.layers.0.")),
    build=build_beit,
    unused=COMPUTED,
    mean=INCEPTION,
    std=INCEPTION,
    note=note_on_statistics,
)
CONMIM = Layout(
    about="ConMIM's own files: checkpoint_copy-* (slow encoder) or checkpoint-* of its pre-training, fine-tuned ones",
    marks=((*MARKS, "projectors.0.weight"),),
    rename=lambda names: rename(names, (r"^projectors\.", "neck.layers.")),
    build=build_conmim,
    unused={**COMPUTED, "lm_head.*": "BEiT's head, which ConMIM does not train"},
    note=note_on_encoder,
)
