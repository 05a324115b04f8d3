"""Names and shapes of the tensors in official files, copied from what the authors publish."""

from __future__ import annotations

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
BUFFERS = ("relative_position_index", "relative_coords_table", "attn_mask")


def drawn(shapes: Shapes) -> dict[str, Tensor]:
    """Return tensors of these shapes drawn at random; indices and counters are zero."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.zeros(shape, dtype=torch.long)
        if name.endswith(("_index", "num_batches_tracked"))
        else 0.3 * torch.randn(shape, generator=generator)
        for name, shape in shapes.items()
    }


def linear(name: str, inputs: int, outputs: int) -> Shapes:
    """Return the shapes of a linear layer."""
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name: str, dims: int) -> Shapes:
    """Return the shapes of a normalisation layer."""
    return {f"{name}.weight": (dims,), f"{name}.bias": (dims,)}


def table(prefix: str, grid: int, heads: int) -> Shapes:
    """Return the shapes of BEiT's relative position bias: its table and its index."""
    return {
        f"{prefix}.relative_position_bias_table": ((2 * grid - 1) ** 2 + 3, heads),
        f"{prefix}.relative_position_index": (grid**2 + 1, grid**2 + 1),
    }


def beit_block(prefix: str, dims: int, tables: Shapes) -> Shapes:
    """Return the shapes of a transformer block of BEiT, with its own relative position ``tables``."""
    attention = {f"{prefix}.attn.q_bias": (dims,), f"{prefix}.attn.v_bias": (dims,)}
    return {
        f"{prefix}.gamma_1": (dims,),
        f"{prefix}.gamma_2": (dims,),
        **norm(f"{prefix}.norm1", dims),
        **attention,
        **tables,
        f"{prefix}.attn.qkv.weight": (3 * dims, dims),
        **linear(f"{prefix}.attn.proj", dims, dims),
        **norm(f"{prefix}.norm2", dims),
        **linear(f"{prefix}.mlp.fc1", dims, 4 * dims),
        **linear(f"{prefix}.mlp.fc2", 4 * dims, dims),
    }


def beit_pretrained(dims: int = 32, depth: int = 2, heads: int = 4, grid: int = 4, patch: int = 8) -> Shapes:
    """Return the shapes of the encoder in BEiT's, ConMIM's and (below ``encoder.``) SimMIM's pre-training of a ViT."""
    shapes: Shapes = {"cls_token": (1, 1, dims), "mask_token": (1, 1, dims)}
    shapes |= {"patch_embed.proj.weight": (dims, 3, patch, patch), "patch_embed.proj.bias": (dims,)}
    shapes |= table("rel_pos_bias", grid, heads)
    for index in range(depth):
        shapes |= beit_block(f"blocks.{index}", dims, {})
    return shapes | norm("norm", dims)


def beit_finetuned(
    dims: int = 32,
    depth: int = 2,
    heads: int = 4,
    grid: int = 4,
    patch: int = 8,
    classes: int = 5,
    last: str = "fc_norm",
) -> Shapes:
    """Return the shapes of a fine-tuned BEiT: ``last`` is ``fc_norm`` with mean pooling, else ``norm``."""
    shapes: Shapes = {"cls_token": (1, 1, dims)}
    shapes |= {"patch_embed.proj.weight": (dims, 3, patch, patch), "patch_embed.proj.bias": (dims,)}
    for index in range(depth):
        shapes |= beit_block(f"blocks.{index}", dims, table(f"blocks.{index}.attn", grid, heads))
    return shapes | norm(last, dims) | linear("head", dims, classes)


def conmim_projectors(dims: int = 32, hidden: int = 48, outputs: int = 16) -> Shapes:
    """Return the shapes of ConMIM's projector."""

    def statistics(index: int, width: int) -> Shapes:
        running: Shapes = {f"projectors.{index}.running_{kind}": (width,) for kind in ("mean", "var")}
        return running | {f"projectors.{index}.num_batches_tracked": ()}

    return {
        "projectors.0.weight": (hidden, dims),
        **norm("projectors.1", hidden),
        **statistics(1, hidden),
        "projectors.3.weight": (hidden, hidden),
        **norm("projectors.4", hidden),
        **statistics(4, hidden),
        "projectors.6.weight": (outputs, hidden),
        **statistics(7, outputs),
    }


def swin(
    dims: int, depths: tuple[int, ...], heads: tuple[int, ...], window: int, patch: int, v2: bool = False
) -> Shapes:
    """Return the shapes of Swin, whose stages end with their merge.

    V2 has cosine attention, a network instead of tables, and norms after the branches.
    """
    shapes: Shapes = {"patch_embed.proj.weight": (dims, 3, patch, patch), "patch_embed.proj.bias": (dims,)}
    shapes |= norm("patch_embed.norm", dims)
    for stage, (depth, number) in enumerate(zip(depths, heads, strict=True)):
        width = dims << stage
        for index in range(depth):
            block = f"layers.{stage}.blocks.{index}"
            shapes |= norm(f"{block}.norm1", width) | norm(f"{block}.norm2", width)
            shapes[f"{block}.attn.relative_position_index"] = (window**2, window**2)
            shapes[f"{block}.attn.qkv.weight"] = (3 * width, width)
            if v2:
                shapes |= {f"{block}.attn.logit_scale": (number, 1, 1)}
                shapes |= {f"{block}.attn.{kind}_bias": (width,) for kind in "qv"}
                shapes |= linear(f"{block}.attn.cpb_mlp.0", 2, 512) | {f"{block}.attn.cpb_mlp.2.weight": (number, 512)}
                shapes[f"{block}.attn.relative_coords_table"] = (1, 2 * window - 1, 2 * window - 1, 2)
            else:
                shapes[f"{block}.attn.qkv.bias"] = (3 * width,)
                shapes[f"{block}.attn.relative_position_bias_table"] = ((2 * window - 1) ** 2, number)
            shapes |= linear(f"{block}.attn.proj", width, width)
            shapes |= linear(f"{block}.mlp.fc1", width, 4 * width) | linear(f"{block}.mlp.fc2", 4 * width, width)
        if stage < len(depths) - 1:
            shapes[f"layers.{stage}.downsample.reduction.weight"] = (2 * width, 4 * width)
            shapes |= norm(f"layers.{stage}.downsample.norm", 2 * width if v2 else 4 * width)
    return shapes | norm("norm", dims << (len(depths) - 1))


def simmim_pretrained(encoder: Shapes, width: int, cell: int) -> Shapes:
    """Return the shapes of SimMIM's pre-training of an ``encoder`` of this last width, which predicts cells."""
    shapes = {f"encoder.{name}": shape for name, shape in encoder.items()}
    if "encoder.mask_token" not in shapes:  # Swin's mask token has the width of its first stage
        shapes["encoder.mask_token"] = (1, 1, shapes["encoder.patch_embed.proj.bias"][0])
    return shapes | {"decoder.0.weight": (3 * cell**2, width, 1, 1), "decoder.0.bias": (3 * cell**2,)}


def without_buffers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that are not buffers."""
    return {name: value for name, value in state.items() if name.rpartition(".")[2] not in BUFFERS}
