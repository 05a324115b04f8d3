"""Draw images whose hidden patches a generator filled in, sampled several times (CIM, Figure 2)."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.launch.options import load_config
from mmmim.models.algorithms.cim import CIM
from mmmim.models.layers import PatchMask

from .grid import Column, save_grid
from .pixels import denormalize, grey_out, to_rgb
from .sources import load_crops, load_model, normalisation, normalise


def draw(args: Namespace) -> Path:
    """Draw the originals beside several corrupted versions and return the file."""
    if args.samples < 1:
        raise UsageError(f"--samples: at least 1, got {args.samples}")
    model, images = load_corrupter(args)
    torch.manual_seed(args.seed)
    return save_grid(corruption_columns(model, images, model.draw_mask(images), args.samples), args.out)


def load_corrupter(args: Namespace) -> tuple[CIM, Tensor]:
    """Return the model, set to draw the mask of step 0 under ``--seed``, and its normalised images."""
    config = load_config(args.config, args.cfg_options)
    model: Any = load_model(config, args.checkpoint, args.seed)
    if not isinstance(model, CIM):
        raise UsageError(f"config: model.type={config.model.type!r} has no generator; give the config of a CIM run")
    model.set_step(args.seed, 0)
    return model, normalise(model, load_crops(config, model, args.images, args.num))


def generator_columns(model: CIM, images: Tensor, mask: PatchMask) -> list[Column]:
    """Return the columns of the original images and of the generator's input."""
    original = denormalize(images, *normalisation(model))
    share = mask.num_hidden / (mask.grid[0] * mask.grid[1])
    return [
        Column("original", to_rgb(original)),
        Column(f"generator's input\n({share:.0%} hidden)", to_rgb(grey_out(original, mask.mask))),
    ]


@torch.no_grad()
def corruption_columns(model: CIM, images: Tensor, mask: PatchMask, samples: int) -> list[Column]:
    """Return the columns for normalised ``images (B, C, H, W)``, one for every sample."""
    columns = generator_columns(model, images, mask)
    for number in range(1, samples + 1):
        corrupted = denormalize(model.corrupt(images, mask).images, *normalisation(model))
        columns.append(Column(f"corrupted, sample {number}", to_rgb(corrupted)))
    return columns
