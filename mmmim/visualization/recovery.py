"""What a masked image model makes of hidden areas (SimMIM, Figures 4-6): random, most of an object, all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.datasets import ImageFolder, ToyImages
from mmmim.engine.errors import UsageError
from mmmim.models.layers import PatchMask

from .grid import Column
from .pixels import denormalize, grey_out, paste, to_rgb
from .sources import TOY, cover, normalisation

MASKS = {"own": "the model's own", "most": "most of the object", "object": "the whole object"}
SEEN = 0.25  # share of an object's cells that "most of the object" leaves visible


def load_objects(source: str, images: str, size: tuple[int, int], num: int) -> Tensor:
    """``(B, H, W)`` bool: where the objects of ``load_images(images, size)`` are.

    ``source`` is a folder of masks (0 = ground) that sort as the images do; the built-in pictures know their own.
    """
    if images == TOY and source == TOY:
        dataset: Any = ToyImages(num, size, split="val")
        return torch.stack([torch.from_numpy(dataset.object_mask(i)) for i in range(num)])
    if source == TOY:
        raise UsageError("--objects DIR: pictures of one's own need masks of the objects, one file per image")
    folder: Any = ImageFolder(source, [lambda image: cover(image, size)], labelled=False, channels=1)
    others = ImageFolder(images, labelled=False)
    if len(folder) != len(others):
        raise UsageError(f"--objects {source}: {len(folder)} masks for {len(others)} images")
    count = min(num, len(folder))
    return torch.stack([folder[i * len(folder) // count]["inputs"][0] > 0 for i in range(count)])


def object_mask(model: Any, objects: Tensor, kind: str, generator: torch.Generator) -> PatchMask:
    """Hide the cells of the model's masker that the object ``(H, W)`` touches, all or all but a few."""
    grid = model.backbone.grid(objects[None, None])
    cells = F.adaptive_max_pool2d(objects[None, None].float(), model.masker.cells(grid))[0, 0] > 0  # (h,w)
    touched = cells.flatten().nonzero().flatten()
    if kind == "most":
        seen = touched[torch.randperm(len(touched), generator=generator)[: round(SEEN * len(touched))]]
        cells.view(-1)[seen] = False
    return PatchMask.from_bool(cells[None], int(cells.sum())).refine(model.masker.cell)


@torch.no_grad()
def recovery_columns(
    model: Any, images: Tensor, objects: Tensor | None, kinds: list[str], name: str, whole: bool, seed: int
) -> list[Column]:
    """Masked input and prediction of every image under every kind of mask, image by image.

    Args:
        images: ``(B, C, H, W)`` normalised; ``objects (B, H, W)`` bool, needed for other masks than the model's own.
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


def run_config(work_dir: str | Path) -> Path:
    """The config that a run left in its work directory."""
    found = sorted(Path(work_dir).glob("*.py"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise UsageError(f"RUN: '{work_dir}' holds no config; give the work directory of a pre-training run")
    return found[-1]
