"""MAE files of a tiny ViT, with the names and shapes of the official ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from official_names import Shapes, drawn
from torch import Tensor

from mmmim.checkpoint.names import strip_prefix
from mmmim.interop.convert import Choices, Conversion, convert_file
from mmmim.models.layers import sincos_pos_embed

HEADS = Choices(num_heads=4)
ARCH = dict(embed_dims=32, depth=2, num_heads=4)


def block(prefix: str, dims: int) -> Shapes:
    """Return the shapes of a transformer block of MAE."""
    return {
        f"{prefix}.norm1.weight": (dims,),
        f"{prefix}.norm1.bias": (dims,),
        f"{prefix}.attn.qkv.weight": (3 * dims, dims),
        f"{prefix}.attn.qkv.bias": (3 * dims,),
        f"{prefix}.attn.proj.weight": (dims, dims),
        f"{prefix}.attn.proj.bias": (dims,),
        f"{prefix}.norm2.weight": (dims,),
        f"{prefix}.norm2.bias": (dims,),
        f"{prefix}.mlp.fc1.weight": (4 * dims, dims),
        f"{prefix}.mlp.fc1.bias": (4 * dims,),
        f"{prefix}.mlp.fc2.weight": (dims, 4 * dims),
        f"{prefix}.mlp.fc2.bias": (dims,),
    }


def mae_encoder(dims: int, depth: int, patch: int, patches: int) -> Shapes:
    """Return the shapes of mae_pretrain_vit_*.pth."""
    shapes: Shapes = {
        "cls_token": (1, 1, dims),
        "pos_embed": (1, patches + 1, dims),
        "patch_embed.proj.weight": (dims, 3, patch, patch),
        "patch_embed.proj.bias": (dims,),
    }
    for index in range(depth):
        shapes |= block(f"blocks.{index}", dims)
    return shapes | {"norm.weight": (dims,), "norm.bias": (dims,)}


def mae_decoder(dims: int, width: int, depth: int, patch: int, patches: int) -> Shapes:
    """Return the shapes that mae_visualize_vit_*.pth have besides."""
    shapes: Shapes = {
        "mask_token": (1, 1, width),
        "decoder_pos_embed": (1, patches + 1, width),
        "decoder_embed.weight": (width, dims),
        "decoder_embed.bias": (width,),
    }
    for index in range(depth):
        shapes |= block(f"decoder_blocks.{index}", width)
    shapes |= {"decoder_norm.weight": (width,), "decoder_norm.bias": (width,)}
    return shapes | {"decoder_pred.weight": (3 * patch**2, width), "decoder_pred.bias": (3 * patch**2,)}


def pretrained(with_decoder: bool = False) -> dict[str, Tensor]:
    """Return a file for 32 x 32 pixels in patches of 8: width 32, 2 blocks; its decoder is 16 wide and has 3."""
    shapes = mae_encoder(32, 2, 8, 16) | (mae_decoder(32, 16, 3, 8, 16) if with_decoder else {})
    state = drawn(shapes)
    state["pos_embed"] = sincos_pos_embed((4, 4), 32)
    return state


def written(path: Path, state: dict[str, Tensor], **others: Any) -> Path:
    """Write ``state`` as the model of a file and return its path."""
    torch.save(dict(model=state, **others), path)
    return path


def converted(path: Path, choices: Choices = HEADS, layout: str | None = None) -> tuple[Path, Conversion]:
    """Convert a file beside itself; return the path of the checkpoint and the conversion."""
    out = path.with_name("converted.pth")
    return out, convert_file(path, out, layout, choices)[1]


def encoder_state(checkpoint: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint's encoder."""
    return strip_prefix(torch.load(checkpoint, weights_only=True)["state_dict"], "backbone.")
