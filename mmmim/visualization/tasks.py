"""Draw predictions of models of different tasks for the same images, with mean errors (Beyond Masking, Figure 3)."""

from __future__ import annotations

import csv
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2.functional import center_crop

from mmmim.errors import UsageError
from mmmim.models.heads import IntegratedZoomHead, ReconstructionHead
from mmmim.models.target_generators import PixelTarget

from .degradations import task_of
from .grid import Column, save_grid
from .options import names_for
from .reconstruction import (
    CLAMPED,
    PATCH_STATISTICS,
    input_images,
    input_title,
    output_images,
    predicts_normalised,
    target_images,
)
from .sources import load_crops, load_run, normalisation, normalise

LOSS = "loss_reconstruction"
NOT_COMPARABLE = "Mean errors refer to each run's own target and patches: compare them within a task."


def draw(args: Namespace) -> Path:
    """Draw target, input and output of all runs, print their mean errors, and return the file."""
    if args.csv and not args.mse_num:
        raise UsageError("--csv: there is nothing to write with --mse-num 0")
    columns: list[Column] = []
    table: list[dict[str, Any]] = []
    normalised, shown = False, None
    for run, name in zip(args.runs, names_for(args, args.runs), strict=True):
        config, model = load_run(run, args.seed)
        name = name or Path(run).resolve().name
        crops = normalise(model, load_crops(config, model, args.images, args.num))
        title = f"{name}\noutput"
        if args.mse_num:
            measured = load_crops(config, model, args.mse_images or args.images, args.mse_num)
            errors = image_errors(model, measured, args.seed)
            table.append(row(name, config.model, model, errors))
            title += f"\navg. {error_name(model)} {errors.mean():.4f}"
        model.set_step(args.seed, 0)
        prediction = model.predict(crops)
        statistics = normalisation(model)
        if (target := target_kind(prediction, crops)) != shown:
            columns.append(Column("target", target_images(prediction, *statistics)))
            shown = target
        columns.append(Column(f"{name}\n{input_title(prediction)}", input_images(prediction, *statistics)))
        columns.append(Column(title, output_images(prediction, *statistics)))
        normalised |= predicts_normalised(model)
    if table:
        print(text_table(table))
    if args.csv:
        write_csv(table, Path(args.csv))
    return save_grid(columns, args.out, caption=caption(normalised, bool(table)))


def target_kind(prediction: dict[str, Any], crops: Tensor) -> tuple[str, bool]:
    """Return a key that is equal for runs whose target shows the same pixels: the whole crop, or its centre."""
    clean = prediction["images"]
    smaller = clean.shape != crops.shape
    return prediction["target_space"], smaller and clean.equal(center_crop(crops, list(clean.shape[-2:])))


@torch.no_grad()
def image_errors(model: Any, images: Tensor, seed: int) -> Tensor:
    """Return ``(n,)``: the pre-training loss of every single uint8 image.

    Image i gets the draws of step ``(seed, i)``. The value is the reconstruction loss where a method has further terms
    (contrast), otherwise the sum of the losses.
    """
    errors = []
    for index in range(len(images)):
        model.set_step(seed, index)
        losses = model(normalise(model, images[index : index + 1]), mode="loss")
        errors.append(losses[LOSS] if LOSS in losses else sum(value for key, value in losses.items() if "loss" in key))
    return torch.stack(errors).double()


def error_name(model: Any) -> str:
    """Return ``MSE`` where the head's error is the squared one, otherwise ``loss``."""
    head = model.head
    squared = isinstance(head, ReconstructionHead) and head.errors == [(F.mse_loss, 1.0)]
    return "MSE" if squared or isinstance(head, IntegratedZoomHead) else "loss"


def row(name: str, config: dict[str, Any], model: Any, errors: Tensor) -> dict[str, Any]:
    """Return a run's row of the table of mean errors; the standard error is that of the mean over the images."""
    target = model.target_generator
    return {
        "run": name,
        "task": task_of(config).replace("\n", " "),
        "target": target.norm_pix if isinstance(target, PixelTarget) else target.space,
        "patches": model.head.scope,
        "images": len(errors),
        "error": error_name(model),
        "mean": f"{errors.mean():.4f}",
        "std. error": f"{errors.std() / len(errors) ** 0.5:.4f}" if len(errors) > 1 else "",
    }


def text_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as an aligned text table with a header."""
    lines = [list(rows[0])] + [[str(value) for value in each.values()] for each in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def write_csv(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the rows to a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def caption(normalised: bool, errors: bool) -> str:
    """Return the caption; ``errors`` adds that mean errors are comparable within a task only."""
    parts = ["Output: predicted pixels where the input was hidden or altered.", CLAMPED]
    return " ".join(parts + [PATCH_STATISTICS] * normalised + [NOT_COMPARABLE] * errors)
