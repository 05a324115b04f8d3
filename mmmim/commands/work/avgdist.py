"""The work of ``tools/analysis/avgdist.py``."""

from __future__ import annotations

import argparse
import csv
import math
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmmim.evaluation import avg_dist
from mmmim.models.maskers import BaseMasker, BlockMasker, RandomMasker, SquareMasker
from mmmim.reproduce.tables import find_table, load_tables, row_config

SQUARE_CELL = 32  # pixels of a cell in which the side of a square is counted
SMALLEST_BLOCK = 64**2  # in pixels: BEiT's 16 cells of 16 pixels, or 4 cells of 32
GOOD_RANGE = (10, 20)  # the AvgDist that the paper finds in entries of high accuracy
BAND_STYLE: dict[str, Any] = dict(
    color="tab:green", alpha=0.12, lw=0, label=f"{GOOD_RANGE[0]} to {GOOD_RANGE[1]} pixels"
)
TICKS = (2, 5, 10, 15, 20, 50)
MAX_EXACT_MASKS = 200  # where there are at most this many different masks, all of them are averaged
NUM_MASKS = {4: 200, 8: 400, 16: 2000, 32: 4000}  # by cell size; gives a standard error of a third of a percent


@dataclass(frozen=True)
class Entry:
    """The mean AvgDist of ``masks`` masks; ``error`` is its standard error, 0 where these are all possible masks."""

    size: int
    strategy: str
    cell: int
    ratio: float
    mean: float
    error: float
    masks: int


def measure(size: int, strategy: str, cell: int, value: float, masks: int | None = None, seed: int = 0) -> Entry:
    """Return the mean AvgDist of one image size, strategy and cell size.

    Args:
        value: The mask ratio, or the side of a square in cells.
    """
    grid = (size // cell, size // cell)
    masker = make_masker(strategy, cell, value)
    hidden, total = masker.num_hidden(grid), grid[0] * grid[1]
    drawn = all_masks(masker, grid)
    exact = drawn is not None
    if drawn is None:
        count = masks or NUM_MASKS.get(cell, 1000)
        drawn = masker(grid, count, generator=torch.Generator().manual_seed(seed)).mask.numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the table shows masks without visible pixels
        values = avg_dist(drawn, cell)
    error = 0.0 if exact or len(values) < 2 else float(values.std(ddof=1) / math.sqrt(len(values)))
    ratio = hidden / total if strategy == "square" else value
    return Entry(size, strategy, cell, ratio, float(values.mean()), error, len(values))


def make_masker(strategy: str, cell: int, value: float) -> BaseMasker:
    """Return a masker whose patches are the cells, since nothing smaller than a cell matters here."""
    if strategy == "square":
        return SquareMasker(side=int(value))
    if strategy == "block":
        return BlockMasker(value, min_block=max(1, SMALLEST_BLOCK // cell**2), patience=10)
    return RandomMasker(value)


def all_masks(masker: BaseMasker, grid: tuple[int, int]) -> np.ndarray | None:
    """Return every mask ``(n, h, w)`` that a uniform masker can draw; None where there are too many."""
    total, hidden = grid[0] * grid[1], masker.num_hidden(grid)
    if isinstance(masker, SquareMasker):
        side = masker.side
        places = [(i, j) for i in range(grid[0] - side + 1) for j in range(grid[1] - side + 1)]
        masks = np.zeros((len(places), *grid), bool)
        for mask, (top, left) in zip(masks, places, strict=True):
            mask[top : top + side, left : left + side] = True
        return masks
    if not isinstance(masker, RandomMasker) or math.comb(total, hidden) > MAX_EXACT_MASKS:
        return None
    masks = np.zeros((math.comb(total, hidden), total), bool)
    for mask, ids in zip(masks, combinations(range(total), hidden), strict=True):
        mask[list(ids)] = True
    return masks.reshape(-1, *grid)


def measure_all(args: argparse.Namespace) -> list[Entry]:
    """Return the entries of all combinations that the command line asks for."""
    wanted = [("random", cell, ratio) for cell in args.cells for ratio in args.ratios]
    wanted += [("block", cell, ratio) for cell in args.block_cells for ratio in args.ratios]
    wanted += [("square", SQUARE_CELL, side) for side in args.squares]
    entries = []
    for size in args.sizes:
        for cell in sorted({cell for _, cell, _ in wanted if size % cell}):
            print(f"{size} pixels are no multiple of cells of {cell}: left out", file=sys.stderr)
        for strategy, cell, value in (each for each in wanted if size % each[1] == 0):
            entries.append(measure(size, strategy, cell, value, args.masks, args.seed))
            print(f"\r{len(entries)} entries ({size}: {strategy} {cell}) ", end="", file=sys.stderr)
    print(file=sys.stderr)
    return entries


def markdown(entries: Sequence[Entry]) -> str:
    """Return a Markdown table for each image size and strategy: cell sizes in rows, mask ratios in columns."""
    tables = []
    for size in dict.fromkeys(entry.size for entry in entries):
        for strategy in ("random", "block", "square"):
            part = [entry for entry in entries if (entry.size, entry.strategy) == (size, strategy)]
            ratios = list(dict.fromkeys(entry.ratio for entry in part))
            if not part:
                continue
            lines = [
                f"AvgDist in pixels, {strategy} masks of {size} x {size}:\n",
                "| cell | " + " | ".join(f"{ratio:.2g}" for ratio in ratios) + " |",
                "|---" * (len(ratios) + 1) + "|",
            ]
            for cell in dict.fromkeys(entry.cell for entry in part):
                row = {entry.ratio: _text(entry) for entry in part if entry.cell == cell}
                lines.append(f"| {cell} | " + " | ".join(row[ratio] for ratio in ratios) + " |")
            tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _text(entry: Entry) -> str:
    if math.isnan(entry.mean):
        return "nothing visible"
    return f"{entry.mean:.3f}" + (f" ± {entry.error:.3f}" if entry.error else "")


LINE_STYLES = {"random": "o-", "block": "s--", "square": "^:"}


def draw_ratios(axes: Axes, entries: Sequence[Entry]) -> None:
    """Draw Figure 3a: a curve for each strategy and cell size."""
    axes.axhspan(*GOOD_RANGE, **BAND_STYLE)
    for strategy, cell, colour in _series(entries):
        curve = [entry for entry in entries if (entry.strategy, entry.cell) == (strategy, cell)]
        x, y = [entry.ratio for entry in curve], [entry.mean for entry in curve]
        axes.plot(x, y, LINE_STYLES[strategy], color=colour, ms=4, lw=1.4, label=f"{strategy} {cell}")
    axes.set(xlabel="mask ratio", ylabel="AvgDist (pixels)", yscale="log", xlim=(0, 1))
    axes.set_yticks(TICKS, labels=map(str, TICKS))


def draw_accuracy(axes: Axes, entries: Sequence[Entry]) -> None:
    """Draw Figure 3b: the accuracies of Table 1 over the AvgDist measured here."""
    axes.axvspan(*GOOD_RANGE, **BAND_STYLE)
    points = list(published_accuracies(entries))
    for strategy, cell, colour in _series([entry for entry, _ in points]):
        these = [(entry.mean, top1) for entry, top1 in points if (entry.strategy, entry.cell) == (strategy, cell)]
        axes.plot(
            *zip(*these, strict=True), LINE_STYLES[strategy][0], color=colour, alpha=0.8, label=f"{strategy} {cell}"
        )
    axes.set(xlabel="AvgDist (pixels)", ylabel="top-1 accuracy, published by the paper (%)", xscale="log")
    axes.set_xticks(TICKS, labels=map(str, TICKS))


def _series(entries: Sequence[Entry]) -> list[tuple[str, int, str]]:
    """Return all pairs of strategy and cell size in a fixed order, each with the colour of its cell size."""
    found = {(entry.strategy, entry.cell) for entry in entries}
    order = sorted(found, key=lambda each: (list(LINE_STYLES).index(each[0]), each[1]))
    return [(strategy, cell, f"C{int(math.log2(cell)) % 10}") for strategy, cell in order]


def published_accuracies(entries: Sequence[Entry]) -> Iterable[tuple[Entry, float]]:
    """Yield the entries at 192 pixels with the accuracy that SimMIM's Table 1 gives for them."""
    known = {(e.strategy, e.cell, round(e.ratio, 3)): e for e in entries if e.size == 192}
    for row in find_table("table1", load_tables("simmim")).rows:
        masker: dict[str, Any] = row_config("simmim", row).model.masker
        strategy = str(masker["type"]).rpartition(".")[2].removesuffix("Masker").lower()
        ratio = masker["side"] ** 2 / 36 if strategy == "square" else masker["mask_ratio"]
        entry = known.get((strategy, masker["cell_size"], round(ratio, 3)))
        if entry is not None:
            yield entry, row.published["finetune"]


def save_figure(draw: Any, entries: Sequence[Entry], path: Path, title: str) -> None:
    """Draw the entries with ``draw`` and write the figure to ``path``."""
    figure = Figure(figsize=(6.4, 4.4), dpi=150, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    draw(axes, entries)
    axes.set_title(title, fontsize=10)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, ncols=2)
    FigureCanvasAgg(figure).print_png(str(path))
    print(f"wrote {path}")


def measure_and_draw(args: argparse.Namespace) -> None:
    """Measure all entries and write the tables, the CSV file and the figures."""
    entries = measure_all(args)
    args.out.mkdir(parents=True, exist_ok=True)
    text = markdown(entries)
    print(text)
    (args.out / "avgdist.md").write_text(text + "\n", encoding="utf-8")
    with (args.out / "avgdist.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[field.name for field in fields(Entry)], *map(astuple, entries)])
    for size in dict.fromkeys(entry.size for entry in entries):
        shown = [entry for entry in entries if entry.size == size and not math.isnan(entry.mean)]
        title = f"Distance of masked pixels to the nearest visible one, {size} x {size}"
        save_figure(draw_ratios, shown, args.out / f"avgdist_{size}.png", title)
        if size == 192:
            title = "Published accuracy (SimMIM, Table 1) over AvgDist, 192 x 192"
            save_figure(draw_accuracy, shown, args.out / "accuracy_192.png", title)
