"""The report as one HTML page that needs nothing beside itself: no network, no JavaScript."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import jinja2
import matplotlib
import numpy as np
from PIL import Image

from mmmim.checkpoint.files import atomic_write
from mmmim.version import __version__
from mmmim.visualization.grid import Column

from . import sections
from .pictures import Grid, Images, draw_all, source_of
from .run_folder import RunFolder

LARGEST_SIDE = 256  # of an image in the page, in pixels
LOSSLESS_SIDE = 96  # up to here an image is a PNG, above a JPEG


@dataclass(frozen=True)
class Cell:
    """One image of a grid: its address with the bytes in it, and what it shows."""

    address: str
    text: str


def write_report(
    runs: Sequence[RunFolder],
    out: str | Path,
    *,
    title: str | None = None,
    images: Images | None = None,
    source: str | None = None,
    num: int = 4,
    seed: int = 0,
    pictures: bool = True,
) -> Path:
    """Write the page of one run, or of several side by side, and return the file.

    Args:
        title: Heading. Default: the names of the runs.
        source: Folder of the images that are drawn, or ``toy``. Default: what each run trained on.
        num: Images in each picture.
        seed: Of masks, degradations and untrained weights.
        pictures: Whether to load checkpoints and draw; without it the page has what was logged.
    """
    drawn: dict[str, list[Grid | str]] = {}
    for run in runs if pictures else ():
        chosen = source or (source_of(run.config) if run.config is not None else "toy")
        drawn[run.name] = list(draw_all(run, Images(chosen, num, seed)))
    file = Path(out)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as opened:
        opened.write(render(runs, drawn, title).encode("utf-8"))
    return file


def render(runs: Sequence[RunFolder], drawn: dict[str, list[Grid | str]], title: str | None = None) -> str:
    """Return the HTML text."""
    loader = jinja2.PackageLoader("mmmim.report", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(cells=cells, colour_map=colour_map, sections=sections, picture_address=_file_address)
    return environment.get_template("report.html").render(
        title=title or ", ".join(run.name for run in runs),
        runs=runs,
        drawn=drawn,
        version=__version__,
        written=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    )


def cells(grid: Grid, row: int) -> list[Cell]:
    """Return the images of one row."""
    return [
        Cell(_address(column, row), f"{' '.join(column.title.split())}, image {row + 1}") for column in grid.columns
    ]


def colour_map() -> str:
    """Return the colours of scores, dark to bright, as stops of a CSS gradient."""
    stops = matplotlib.colormaps["viridis"](np.linspace(0, 1, 9))
    return ", ".join(matplotlib.colors.to_hex(stop) for stop in stops)


def _address(column: Column, row: int) -> str:
    pixels = np.asarray(column.images[row], dtype=np.float32)
    if pixels.ndim == 2:
        low, high = column.limits or (float(pixels.min()), float(pixels.max()))
        scaled = (pixels - low) / max(high - low, 1e-12)
        pixels = matplotlib.colormaps["viridis"](np.clip(scaled, 0, 1))[..., :3]
    image = Image.fromarray((np.clip(pixels, 0, 1) * 255).round().astype(np.uint8))
    if max(image.size) > LARGEST_SIDE:
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    written = io.BytesIO()
    small = max(image.size) <= LOSSLESS_SIDE
    image.save(written, **(dict(format="PNG") if small else dict(format="JPEG", quality=88)))
    return _data_address(written.getvalue(), "png" if small else "jpeg")


def _file_address(file: Path) -> str:
    return _data_address(file.read_bytes(), "png")


def _data_address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
