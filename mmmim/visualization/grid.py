from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 150


@dataclass
class Column:
    """One column of a picture grid.

    Args:
        title: Heading; may have several lines.
        images: One array per row: ``(H, W, 3)`` in [0, 1], or ``(h, w)`` drawn in colours.
        limits: Value range of the colours of ``(h, w)`` arrays, shown at the colour bar below the column.
            ``None`` stretches each array over its own range, and the bar goes from "lowest" to "highest".
    """

    title: str
    images: Sequence[np.ndarray]
    limits: tuple[float, float] | None = None

    @property
    def ends(self) -> tuple[str, str] | None:
        """Return what the ends of the colour bar are called, or None for pictures."""
        if np.ndim(self.images[0]) != 2:
            return None
        return ("lowest", "highest") if self.limits is None else (f"{self.limits[0]:g}", f"{self.limits[1]:g}")


def save_grid(
    columns: Sequence[Column],
    path: str | Path,
    *,
    caption: str = "",
    row_labels: Sequence[str] = (),
    cell_inches: float = 1.6,
) -> Path:
    """Draw ``columns`` side by side into a PNG file; cells keep the aspect ratio of the first image."""
    rows = len(columns[0].images)
    uneven = {column.title: len(column.images) for column in columns if len(column.images) != rows}
    if uneven or rows == 0:
        raise ValueError(f"columns: each needs the same number (>= 1) of images as the first ({rows}), got {uneven}")
    if row_labels and len(row_labels) != rows:
        raise ValueError(f"row_labels: {rows} rows, got {len(row_labels)} labels")

    image_height, image_width = columns[0].images[0].shape[:2]
    cell = (cell_inches, cell_inches * image_height / image_width)  # width, height
    left = 0.3 if row_labels else 0.08
    titles = [_wrapped(column.title, cell_inches) for column in columns]
    title_lines = max(title.count("\n") + 1 for title in titles)
    top = 0.12 + 0.17 * title_lines
    bar_height = 0.42 if any(column.ends for column in columns) else 0.0
    width = left + len(columns) * (cell[0] + 0.06) + 0.06
    lines = textwrap.wrap(caption, max(20, int(width * 15)))
    bottom = 0.08 + bar_height + (0.06 + 0.15 * len(lines) if lines else 0.0)
    height = top + rows * (cell[1] + 0.06) + bottom

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    for c, column in enumerate(columns):
        x = left + c * (cell[0] + 0.06)
        for r, image in enumerate(column.images):
            y = bottom + (rows - 1 - r) * (cell[1] + 0.06)
            axes = figure.add_axes((x / width, y / height, cell[0] / width, cell[1] / height))
            low, high = column.limits or (None, None)
            shown = axes.imshow(image, cmap="viridis", vmin=low, vmax=high, interpolation="nearest", aspect="auto")
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_linewidth(0.4)
            if r == 0:
                axes.set_title(titles[c], fontsize=8, pad=3)
            if c == 0 and row_labels:
                axes.set_ylabel(row_labels[r], fontsize=7, labelpad=3)
        if column.ends:
            y = bottom - 0.16
            bar_axes = figure.add_axes((x / width, y / height, cell[0] / width, 0.07 / height))
            bar = figure.colorbar(shown, cax=bar_axes, orientation="horizontal")
            if column.limits is None:
                bar.set_ticks(list(shown.get_clim()), labels=column.ends)
                first, last = bar_axes.get_xticklabels()
                first.set_horizontalalignment("left")
                last.set_horizontalalignment("right")
            bar_axes.tick_params(labelsize=6, length=2, pad=1)
    if lines:
        figure.text(0.08 / width, 0.06 / height, "\n".join(lines), fontsize=7, va="bottom", ha="left")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(path))
    return path


def _wrapped(title: str, width_inches: float) -> str:
    """Return ``title`` broken into lines that fit a cell at 8 pt."""
    return "\n".join(part for line in title.split("\n") for part in textwrap.wrap(line, int(width_inches * 14)) or [""])
