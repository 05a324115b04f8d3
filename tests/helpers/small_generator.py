"""A tiny token generator and pictures for it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from palette import PaletteTokenizer
from torch import Tensor

from mmmim.models.generators import TokenGenerator
from mmmim.models.layers import PatchMask

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def build(**changes) -> TokenGenerator:
    """Return a tiny token generator."""
    settings = dict(
        tokenizer=dict(type=PaletteTokenizer),
        embed_dims=24,
        depth=3,
        num_heads=2,
        input_size=(64, 96),
        mean=MEAN,
        std=STD,
    )
    return TokenGenerator(**(settings | changes))


def pictures(batch: int = 2, size: tuple[int, int] = (64, 96)) -> Tensor:
    """Return smooth pictures, normalised as ImageNet's."""
    coarse = torch.rand(batch, 3, 4, 4)
    pixels = F.interpolate(coarse, size, mode="bilinear").clamp(0, 1)
    return (pixels * 255 - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)


def draw(generator: TokenGenerator, images: Tensor, hidden: int) -> PatchMask:
    """Return a mask that hides as many patches of every image, drawn at random."""
    grid = images.shape[2] // generator.patch_size[0], images.shape[3] // generator.patch_size[1]
    return PatchMask.from_keys(torch.rand(len(images), grid[0] * grid[1]), hidden, grid)
