"""Draw the attention of a ViT's class token (ConMIM, Figure 3)."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner.utils import set_random_seed
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.evaluation.frozen import load_encoder
from mmmim.launch.options import load_config
from mmmim.models.backbones.plain_vit import PlainViT
from mmmim.registry import MODELS

from .grid import Column, save_grid
from .options import names_for
from .pixels import stretch, to_rgb
from .sources import checkpoint_file, load_images, run_config, trained_range

OVERLAY = 0.55  # weight of the map in the mean of map and image


def draw(args: Namespace) -> Path:
    """Draw the attention maps of all encoders beside the images and return the file."""
    sources = encoders_of(args.sources, args.cfg_options, args.untrained)
    checkpoints = [checkpoint for _, checkpoint in sources if checkpoint is not None]
    names = iter(names_for(args, checkpoints))
    columns: list[Column] = []
    for config, checkpoint in sources:
        name = "untrained" if checkpoint is None else next(names) or name_of(checkpoint)
        encoder = build_encoder(config, checkpoint, args.seed)
        images = load_images(args.images, encoder.img_size, encoder.in_channels, args.num, trained_range(config))
        if not columns:
            columns.append(Column("original", to_rgb(images / 255)))
        maps = cls_attention(encoder, normalise(config, images), args.block)  # (B,H,h,w)
        columns += attention_columns(name, maps, images, args.heads, args.upsample, args.overlay)
    block = "the last block" if args.block == -1 else f"block {args.block}"
    caption = f"Attention of the class token to the patches in {block}; each map over its own range."
    return save_grid(columns, args.out, caption=caption)


def encoders_of(words: Sequence[str], cfg_options: dict, untrained: bool) -> list[tuple[Config, str | None]]:
    """Return the config and the checkpoint of every encoder to draw; the checkpoint is None for untrained weights."""
    found: list[tuple[Config, str | None]] = []
    config, known = None, set()
    for word in words:
        if is_config := word.endswith(".py"):
            config = load_config(word, cfg_options)
        own = config or load_config(str(run_config(word)), cfg_options)
        if untrained and str(own.model.backbone) not in known:
            known.add(str(own.model.backbone))
            found.append((own, None))
        if not is_config:
            found.append((own, word))
    if not found:
        raise UsageError("CKPT: give at least one checkpoint or RUN, or --random-init")
    return found


def name_of(checkpoint: str) -> str:
    """Return the title of a checkpoint's columns: its folder, and its file name where a file is given."""
    path = Path(checkpoint).resolve()
    return path.name if path.is_dir() else f"{path.parent.name}\n{path.stem}"


def build_encoder(config: Config, checkpoint: str | None, seed: int) -> Any:
    """Return the encoder of any config that has one, with the weights of the checkpoint where one is given."""
    init_default_scope(config.get("default_scope", "mmmim"))
    set_random_seed(seed)
    settings = config.model.get("backbone")
    if settings is None:
        raise UsageError(f"config: model.type={config.model.type!r} has no backbone")
    encoder: Any = MODELS.build({key: value for key, value in settings.items() if key != "init_cfg"})
    if not isinstance(encoder, PlainViT) or encoder.cls_token is None:
        raise UsageError(
            f"config: the encoder {type(encoder).__name__} has no class token, whose attention could be drawn; "
            "give a ViT or BEiTViT with one"
        )
    if checkpoint is not None:
        load_encoder(encoder, checkpoint_file(checkpoint))
    return encoder.eval()


def normalise(config: Config, images: Tensor) -> Tensor:
    """Return the images normalised by the config's own data preprocessor, whichever framework it comes from."""
    preprocessor: Any = MODELS.build(config.model.get("data_preprocessor") or config.data_preprocessor)
    return (images - preprocessor.mean) / preprocessor.std


@torch.no_grad()
def cls_attention(encoder: Any, images: Tensor, block: int = -1) -> Tensor:
    """Return the attention weights ``(B, H, h, w)`` of the class token to the patches.

    Together with the weight of the class token for itself they sum to one.

    Args:
        images: Normalised, of the encoder's ``img_size``.
        block: 0-based, negative from the end.
    """
    if not -encoder.depth <= block < encoder.depth:
        raise UsageError(f"--block {block}: the encoder has {encoder.depth} blocks, 0 to {encoder.depth - 1}")
    (logits,) = encoder.cls_logits(encoder.embed(images), (block % encoder.depth,))
    return logits.softmax(-1)[..., 1:].unflatten(-1, encoder.grid(images))


def attention_columns(
    name: str, maps: Tensor, images: Tensor, heads: Sequence[int] | None, upsample: str, overlay: bool
) -> list[Column]:
    """Return the columns of the mean over the heads, then those of single ``heads``.

    Args:
        maps: ``(B, H, h, w)``.
        heads: All heads where empty, none where None.
    """
    listed = () if heads is None else heads or range(maps.shape[1])
    if bad := [head for head in listed if not 0 <= head < maps.shape[1]]:
        raise UsageError(f"--heads {bad}: the encoder has {maps.shape[1]} heads, 0 to {maps.shape[1] - 1}")
    drawn = {"mean of heads": maps.mean(1), **{f"head {head}": maps[:, head] for head in listed}}
    columns = []
    for title, weights in drawn.items():
        pixels = stretch(F.interpolate(weights.unsqueeze(1), images.shape[-2:], mode=upsample))  # (B,1,H,W)
        shown = list(pixels.squeeze(1).numpy())
        if overlay:
            colors = [matplotlib.colormaps["viridis"](heat)[..., :3] for heat in shown]
            pictures = to_rgb(images / 255)
            shown = [OVERLAY * c + (1 - OVERLAY) * p for c, p in zip(colors, pictures, strict=True)]
        columns.append(Column(f"{name}\n{title}", shown))
    return columns
