"""Draw predictions of an enhancer from corrupted images (CIM, Figure 3): recovered pixels, or replaced tokens."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import torch
from torch import Tensor

from mmmim.models.algorithms.cim import CIM
from mmmim.models.layers import PatchMask, grid_of, unpatchify
from mmmim.models.target_generators import ReplacedTokenTarget

from .corruption import generator_columns, load_corrupter
from .grid import Column, save_grid
from .pixels import denormalize, to_rgb
from .reconstruction import CLAMPED, predicts_normalised
from .sources import normalisation

STATISTICS = (
    "The model predicts standardised pixels; they are drawn with the means and standard deviations of the original, "
    "which the model does not know."
)
TEMPLATE = "Template: only these means."
REPLACED = "Replaced: tokens that differ from those of the original. Detected: probability of that, by the enhancer."


def draw(args: Namespace) -> Path:
    """Draw the corrupted images and the enhancer's predictions, and return the file."""
    model, images = load_corrupter(args)
    torch.manual_seed(args.seed)
    columns, caption = enhancement_columns(model, images, model.draw_mask(images), args.template)
    return save_grid(columns, args.out, caption=caption)


@torch.no_grad()
def enhancement_columns(
    model: CIM, images: Tensor, mask: PatchMask, template: bool = False
) -> tuple[list[Column], str]:
    """Return the columns for normalised ``images (B, C, H, W)``, and the caption they need."""
    corrupted = model.corrupt(images, mask)
    values = model.enhance(corrupted.images)  # (B,N,T)
    columns = generator_columns(model, images, mask)
    columns.append(Column("corrupted", to_rgb(denormalize(corrupted.images, *normalisation(model)))))
    if corrupted.replaced is not None and model.detects_replaced:
        columns.append(Column("replaced", list(corrupted.replaced.float().cpu().numpy()), (0, 1)))
        columns.append(Column("detected", list(probabilities(model, values, images).cpu().numpy()), (0, 1)))
        return columns, REPLACED

    def picture(values: Tensor) -> list:
        return to_rgb(denormalize(model.target_generator.to_image(values, images), *normalisation(model)))

    if template:
        columns.append(Column("template", picture(torch.zeros_like(values))))
    columns.append(Column("recovered", picture(values)))
    return columns, " ".join([CLAMPED, *[STATISTICS] * predicts_normalised(model), *[TEMPLATE] * template])


def probabilities(model: CIM, values: Tensor, images: Tensor) -> Tensor:
    """Return the logits ``(B, N, P)`` as a map of probabilities, one per token: ``(B, h, w)``."""
    target = model.target_generator
    assert isinstance(target, ReplacedTokenTarget)
    return unpatchify(values.float().sigmoid(), target.tokens, grid_of(images, target.patch_size)).squeeze(1)
