"""Draw what normalisations of the target leave to be predicted, and what they reveal (CIM, Figure 4)."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.data_preprocessors import ImagePreprocessor
from mmmim.models.layers import grid_of, unpatchify
from mmmim.models.target_generators.pixel import PixelTarget

from .grid import Column, save_grid
from .pixels import denormalize, to_rgb
from .sources import load_images

LIMIT = 3.0  # in standard deviations from the mean; drawn in white, its negative in black
CAPTION = (
    "Mean: the template, a prediction of zeros with the statistics of the original. Deviation: that of the values that "
    f"enter the encoder. Normalised: what has to be predicted, black at -{LIMIT:g}, white at {LIMIT:g}."
)


def draw(args: Namespace) -> Path:
    """Draw the normalised targets of several ``norm_pix`` and return the file."""
    if args.size % args.patch_size:
        raise UsageError(f"--img-size {args.size}: not a multiple of --patch-size {args.patch_size}")
    images = load_images(args.images, (args.size, args.size), num=args.num)
    return save_grid(template_columns(images, args.kinds, args.window, args.patch_size), args.out, caption=CAPTION)


@torch.no_grad()
def template_columns(images: Tensor, kinds: Sequence[str], window: int, patch_size: int) -> list[Column]:
    """Return columns for uint8 ``images (B, 3, H, W)``.

    The original comes first, then the means of all kinds, their standard deviations, and their normalised pixels.
    """
    preprocessor = ImagePreprocessor()
    statistics: dict[str, Any] = preprocessor.statistics
    x = preprocessor(dict(inputs=images))["inputs"]
    means, deviations, pixels = [], [], []
    for kind in kinds:
        target = PixelTarget(patch_size, norm_pix=kind, window=window, **statistics)
        values = target(x)  # (B,N,T)
        mean = target.to_image(torch.zeros_like(values), x)  # (B,3,H,W)
        deviation = (target.to_image(torch.ones_like(values), x) - mean).mean(1)  # (B,H,W)
        normalised = unpatchify(values, target.patch_size, grid_of(x, target.patch_size))
        means.append(Column(f"mean\n{kind}", to_rgb(denormalize(mean, **statistics))))
        deviations.append(Column(f"deviation\n{kind}", list(deviation.numpy())))
        pixels.append(Column(f"normalised\n{kind}", to_rgb(normalised / (2 * LIMIT) + 0.5)))
    highest = max(image.max() for column in deviations for image in column.images)
    for column in deviations:
        column.limits = (0, highest)
    return [Column("original", to_rgb(images / 255)), *means, *deviations, *pixels]
