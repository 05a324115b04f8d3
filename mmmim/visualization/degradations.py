"""Draw the input of the encoder for each task (Beyond Masking, Figure 1)."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmmim.launch.options import load_config

from .grid import Column, save_grid
from .options import names_for
from .pixels import denormalize, grey_out, to_rgb
from .sources import load_crops, load_model, normalisation, normalise


def draw(args: Namespace) -> Path:
    """Draw the degraded inputs of all configs and return the file."""
    columns: list[Column] = []
    for path, name in zip(args.configs, names_for(args, args.configs), strict=True):
        config = load_config(path, args.cfg_options)
        model: Any = load_model(config, seed=args.seed)
        images = normalise(model, load_crops(config, model, args.images, args.num))
        if not columns:
            columns.append(Column("original", to_rgb(denormalize(images, *normalisation(model)))))
        columns.append(Column(name or task_of(config.model) or Path(path).stem, inputs(model, images, args.seed)))
    caption = "What the encoder sees: degraded images, hidden patches grey. Values are clamped to [0, 1]."
    return save_grid(columns, args.out, caption=caption)


@torch.no_grad()
def inputs(model: Any, images: Tensor, seed: int) -> list[Any]:
    """Return the degraded, normalised ``images (B, C, H, W)`` as they are drawn."""
    corrupted = degraded(model, images, seed)
    shown = denormalize(corrupted, *normalisation(model))
    mask = model.draw_picture_mask(corrupted)
    return to_rgb(shown if mask is None else grey_out(shown, mask.mask))


def degraded(model: Any, images: Tensor, seed: int) -> Tensor:
    """Return the images as degraded in step 0 under ``seed``; the model then draws the masks of the same step."""
    model.set_step(seed, 0)
    return model.degrade(images, model.draw_degradation(images))


def task_of(model: Mapping[str, Any]) -> str:
    """Return the names of a model's degradations and masker, each followed by a line with its arguments."""
    steps = model.get("degradation") or []
    parts = [*(steps if isinstance(steps, (list, tuple)) else [steps]), model.get("masker")]
    lines = []
    for part in filter(None, parts):
        lines.append(str(part["type"]).rpartition(".")[2])
        lines.append(", ".join(f"{key}={value}" for key, value in part.items() if key != "type"))
    return "\n".join(filter(None, lines))
