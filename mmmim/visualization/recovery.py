"""Draw the recovery of hidden areas (SimMIM, Figures 4-6): random ones, most of an object, all of it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.datasets import ImageFolder, ToyImages
from mmmim.errors import UsageError
from mmmim.models.layers import PatchMask

from .grid import Column, save_grid
from .options import MASKS, TOY, names_for
from .pixels import denormalize, grey_out, paste, to_rgb
from .sources import cover, load_crops, load_run, normalisation, normalise

VISIBLE_SHARE = 0.25  # of the cells of an object, with the mask "most of the object"


def draw(args: Namespace) -> Path:
    """Draw the masked inputs and the recovered images of all runs, and return the file."""
    columns: list[Column] = []
    for run, name in zip(args.runs, names_for(args, args.runs), strict=True):
        config, model = load_run(run, args.seed)
        corrupts = any(getattr(model, part, None) is not None for part in ("degradation", "generator"))
        if model.masker is None or corrupts:
            raise UsageError(f"RUN: '{run}' does more than hide patches; use 'tasks' or 'reconstruction'")
        images, objects = normalise(model, load_crops(config, model, args.images, args.num)), None
        if any(kind != "own" for kind in args.masks):
            objects = load_objects(args.objects, args.images, (images.shape[-2], images.shape[-1]), len(images))
        if not columns:
            original = to_rgb(denormalize(images, *normalisation(model)))
            columns.append(Column("original", [image for image in original for _ in args.masks]))
        columns += recovery_columns(
            model, images, objects, args.masks, name or Path(run).resolve().name, args.whole, args.seed
        )
    labels = [MASKS[kind] for _ in range(len(images)) for kind in args.masks] if len(args.masks) > 1 else ()
    return save_grid(columns, args.out, row_labels=labels)


def load_objects(source: str, images: str, size: tuple[int, int], num: int) -> Tensor:
    """Return ``(B, H, W)`` bool: where the objects of ``load_images(images, size)`` are.

    ``source`` is a folder of masks (0 means background) in the sort order of the images; the built-in pictures know
    their own objects.
    """
    if images == TOY and source == TOY:
        dataset: Any = ToyImages(num, size, split="val")
        return torch.stack([torch.from_numpy(dataset.object_mask(i)) for i in range(num)])
    if source == TOY:
        raise UsageError("--objects DIR: your own pictures need masks of the objects, one file per image")
    folder: Any = ImageFolder(source, [lambda image: cover(image, size)], labelled=False, channels=1)
    others = ImageFolder(images, labelled=False)
    if len(folder) != len(others):
        raise UsageError(f"--objects {source}: {len(folder)} masks for {len(others)} images")
    count = min(num, len(folder))
    return torch.stack([folder[i * len(folder) // count]["inputs"][0] > 0 for i in range(count)])


def object_mask(model: Any, objects: Tensor, kind: str, generator: torch.Generator) -> PatchMask:
    """Return a mask of the masker's cells that the object ``(H, W)`` touches: all of them, or all but a few."""
    grid = model.backbone.grid(objects[None, None])
    cells = F.adaptive_max_pool2d(objects[None, None].float(), model.masker.cells(grid))[0, 0] > 0  # (h,w)
    touched = cells.flatten().nonzero().flatten()
    if kind == "most":
        seen = touched[torch.randperm(len(touched), generator=generator)[: round(VISIBLE_SHARE * len(touched))]]
        cells.view(-1)[seen] = False
    return PatchMask.from_bool(cells[None], int(cells.sum())).refine(model.masker.cell)


@torch.no_grad()
def recovery_columns(
    model: Any, images: Tensor, objects: Tensor | None, kinds: list[str], name: str, whole: bool, seed: int
) -> list[Column]:
    """Return the columns of masked inputs and predictions for every image under every kind of mask.

    Args:
        images: Normalised, ``(B, C, H, W)``.
        objects: ``(B, H, W)`` bool; needed for other masks than the model's own.
        whole: Show the prediction everywhere, not only where the input was hidden.
    """
    inputs, outputs = [], []
    generator = torch.Generator().manual_seed(seed)
    for index, image in enumerate(images):
        for kind in kinds:
            model.set_step(seed, index)
            if kind == "own":
                mask = model.draw_picture_mask(image[None])
            else:
                assert objects is not None
                mask = object_mask(model, objects[index], kind, generator)
            prediction = model.predict(image[None], mask)
            original = denormalize(image[None], *normalisation(model))
            output = denormalize(prediction["output"], *normalisation(model))
            inputs += to_rgb(grey_out(original, prediction["mask"]))
            outputs += to_rgb(output if whole else paste(original, output, prediction["mask"]))
    return [Column(f"{name}\ninput", inputs), Column(f"{name}\n{'prediction' if whole else 'recovered'}", outputs)]
