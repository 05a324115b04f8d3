"""Columns of images as one array of pixels: for pictures that are drawn often, where a figure would take a second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from .grid import Column

GAP, LINE = 4, 14  # pixels between cells, and of a line of a title
SMALLEST = 96  # pixels of the short side of a cell; smaller images are enlarged


def tile(columns: Sequence[Column]) -> np.ndarray:
    """Return uint8 ``(H, W, 3)`` of the columns side by side below their titles; cells have the first image's size."""
    height, width = columns[0].images[0].shape[:2]
    factor = -(-SMALLEST // min(height, width))
    cell_width, cell_height = factor * width, factor * height
    titles = [column.title.split("\n") for column in columns]
    top = GAP + LINE * max(map(len, titles))
    size = GAP + len(columns) * (cell_width + GAP), top + len(columns[0].images) * (cell_height + GAP)
    canvas = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(canvas)
    for column, lines, x in zip(columns, titles, range(GAP, size[0], cell_width + GAP), strict=False):
        for number, line in enumerate(lines):
            draw.text((x, 2 + LINE * number), line, fill="black")
        for image, y in zip(column.images, range(top, size[1], cell_height + GAP), strict=False):
            pixels = Image.fromarray((255 * image).round().astype(np.uint8))
            canvas.paste(pixels.resize((cell_width, cell_height), Image.Resampling.NEAREST), (x, y))
    return np.asarray(canvas)
