"""Draw images beside the images whose features are most similar."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from mmmim.datasets import ImageFolder
from mmmim.visualization.grid import Column, save_grid
from mmmim.visualization.pixels import to_rgb
from mmmim.visualization.sources import cover

from .embedding import Embeddings

SIDE = 128


def draw_neighbours(
    table: Embeddings, folder: str | os.PathLike[str], out: str | os.PathLike[str], *, num: int = 8, k: int = 6
) -> Path:
    """Draw ``num`` images, evenly spaced over the table, each beside its ``k`` nearest neighbours; return the file.

    Args:
        folder: The folder that was embedded.
    """
    reading = dict(channels=table.facts.get("in_channels", 3), value_range=table.facts.get("value_range"))
    images = ImageFolder(os.fspath(folder), [lambda image: cover(image, (SIDE, SIDE))], **reading)
    place = {images.paths[index]: index for index in range(len(images))}

    def picture(row: int) -> np.ndarray:
        pixels = torch.as_tensor(images[place[table.names[row]]]["inputs"])
        return to_rgb(pixels[None] / 255)[0]

    rows = [index * len(table) // num for index in range(min(num, len(table)))]
    near = table.neighbours(rows, k)
    columns = [Column("image", [picture(row) for row in rows])]
    for rank, found in enumerate(near.T, start=1):
        columns.append(Column(f"neighbour {rank}", [picture(row) for row in found]))
    caption = "Each image and those whose features have the largest cosine similarity to its own."
    if table.classes:
        labels = table.labels
        share = float((labels[near[:, 0]] == labels[rows]).mean())
        caption += f" The first neighbour is of the same class for {share:.0%} of the images shown."
    return save_grid(columns, Path(out), caption=caption, cell_inches=1.0)
