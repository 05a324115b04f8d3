"""Draw the figures of the documentation: every ``docs/figures/NAME.yml`` becomes ``NAME.svg``.

A description has ``alt``, the text for readers who do not see the figure, and ``boxes`` on a grid: their place
``at: [column, row]``, a ``title``, lines of a ``note``, and a ``kind`` of ``KINDS`` with a width ``wide``, or a
``picture`` of ``PICTURES``. Its ``arrows`` lead from one box to another: ``[from, to]``, ``[from, to, label]``, or
``[from, to, label, style]``, where ``dashed`` lets no gradient flow and ``down`` enters a box from above. ``size``
is the distance of columns and rows, where the default does not do.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import yaml
from site_pictures import SIDE, tiles

FOLDER = Path(__file__).resolve().parents[2] / "docs/figures"
COLUMN, ROW, MARGIN = 150, 132, 14
LINE, GAP, WIDE, HIGH = 15, 4, 118, 54
LETTERS = (8.2, 6.7)  # of a title and of a note: about the widest, on the average
# Style of a box, and how the legend names it: what differs is also the outline, for readers who see no colours.
KINDS = {
    "kept": ("kept", "encoder that is kept"),
    "trained": ("trained", "trained, then thrown away"),
    "frozen": ("frozen", "not trained by gradients"),
    "loss": ("loss", ""),
    "plain": ("plain", ""),
    "data": ("data", ""),
}
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--ink) }
  .title { font-weight: 600 } .note, .label, .legend { font-size: 11.5px; fill: var(--soft) }
  svg { --paper: #fff; --ink: #1b1f24; --soft: #4a525c; --kept: #cfe8d5; --trained: #dbe6fb; --loss: #fbe0d3;
        --frozen: #e9e9ec; --line: #4a525c; --hidden: #c3c8cf }
  @media (prefers-color-scheme: dark) { svg { --paper: #16191f; --ink: #eef1f5; --soft: #b9c1cc; --kept: #1f4a31;
        --trained: #213a66; --loss: #5e3119; --frozen: #33373f; --line: #b9c1cc; --hidden: #454b55 } }
  .paper { fill: var(--paper) } .box { stroke: var(--line); stroke-width: 1.2 }
  .kept { fill: var(--kept); stroke-width: 2.6 } .trained { fill: var(--trained) }
  .frozen { fill: var(--frozen); stroke-dasharray: 5 3 } .loss { fill: var(--loss) } .plain { fill: var(--frozen) }
  .data { fill: none; stroke: none }
  .arrow { stroke: var(--line); stroke-width: 1.4; fill: none } .dashed { stroke-dasharray: 4 4 }
  .head { fill: var(--line) } .hidden { fill: var(--hidden) } .halo { stroke: var(--paper); stroke-width: 4px;
        paint-order: stroke }
"""


@dataclass
class Box:
    """A box or a picture with its words, around the centre ``x``, ``y``."""

    x: float
    y: float
    title: str = ""
    note: list[str] = field(default_factory=list)
    kind: str = "data"
    picture: str = ""
    wide: float = WIDE

    @property
    def half(self) -> tuple[float, float]:
        """Return half of the width and of the height of what arrows touch."""
        if self.picture:
            return SIDE / 2 + GAP, SIDE / 2 + GAP
        height = HIGH + LINE * max(0, len(self.note) - 1)
        if self.kind != "data":
            return self.wide / 2, height / 2
        words = max(LETTERS[0] * len(self.title), *(LETTERS[1] * len(line) for line in self.note), 0)
        return words / 2 + GAP, LINE * (1 + len(self.note)) / 2 + GAP

    def draw(self) -> str:
        """Return the elements of the box."""
        (wide, high), lines = self.half, [self.title, *self.note]
        if self.picture:
            parts = [tiles(self.picture, self.x - SIDE / 2, self.y - SIDE / 2)]
            top = self.y + SIDE / 2 + LINE + 1
        else:
            round_ = high if self.kind == "loss" else 8
            parts = [
                f'<rect class="box {self.kind}" x="{self.x - wide:g}" y="{self.y - high:g}" width="{2 * wide:g}" '
                f'height="{2 * high:g}" rx="{round_:g}"/>'
            ]
            top = self.y - LINE * (len(lines) - 1) / 2 + 4
        for index, line in enumerate(lines):
            style = "title" if index == 0 else "note"
            y = top + LINE * index
            parts.append(f'<text class="{style}" x="{self.x:g}" y="{y:g}" text-anchor="middle">{escape(line)}</text>')
        return "\n".join(parts)


def arrow(start: Box, end: Box, label: str = "", style: str = "") -> str:
    """Return an arrow from one box to another: straight where they share a row or column, else around one corner."""
    (sx, sy), (ex, ey) = start.half, end.half
    right, down = (1 if end.x > start.x else -1), (1 if end.y > start.y else -1)
    words = LINE * (1 + len(start.note)) + GAP if start.picture and down > 0 else 0  # they stand below a picture
    if start.y == end.y:
        points = [(start.x + right * sx, start.y), (end.x - right * ex, end.y)]
    elif start.x == end.x:
        points = [(start.x, start.y + down * sy + words), (end.x, end.y - down * ey)]
    elif end.kind == "loss" or style.endswith("down"):  # first along the row, then into the box from above or below
        points = [(start.x + right * sx, start.y), (end.x, start.y), (end.x, end.y - down * ey)]
    else:
        points = [(start.x, start.y + down * sy + words), (start.x, end.y), (end.x - right * ex, end.y)]
    path = " L".join(f"{x:g} {y:g}" for x, y in points)
    dashed = " dashed" if style.startswith("dashed") else ""
    parts = [f'<path class="arrow{dashed}" d="M{path}" marker-end="url(#head)"/>']
    if label:
        (x1, y1), (x2, y2) = max(itertools.pairwise(points), key=lambda pair: _length(*pair))
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        lines = label.split("\n")
        for index, line in enumerate(lines):
            above = (
                y - 6 - LINE * (len(lines) - 1 - index) if y1 == y2 else y + 4 + LINE * (index - (len(lines) - 1) / 2)
            )
            anchor, left = ("middle", x) if y1 == y2 else ("start", x + 6)
            parts.append(
                f'<text class="label halo" x="{left:g}" y="{above:g}" text-anchor="{anchor}">{escape(line)}</text>'
            )
    return "\n".join(parts)


def _length(start: tuple[float, float], end: tuple[float, float]) -> float:
    return abs(start[0] - end[0]) + abs(start[1] - end[1])


def legend(kinds: set[str], dashed: bool, y: float) -> str:
    """Return the line below a figure that explains its outlines."""
    parts, x = [], MARGIN + 4.0
    for kind, (style, words) in KINDS.items():
        if words and kind in kinds:
            parts.append(f'<rect class="box {style}" x="{x:g}" y="{y - 11:g}" width="22" height="14" rx="3"/>')
            parts.append(f'<text class="legend" x="{x + 28:g}" y="{y:g}">{words}</text>')
            x += 42 + 6.6 * len(words)
    if dashed:
        parts.append(f'<path class="arrow dashed" d="M{x:g} {y - 4:g} h24" marker-end="url(#head)"/>')
        parts.append(f'<text class="legend" x="{x + 32:g}" y="{y:g}">no gradient flows back</text>')
    return "\n".join(parts)


def draw(description: dict[str, Any]) -> str:
    """Return the figure of a description as SVG."""
    column, row = description.get("size", (COLUMN, ROW))
    boxes = {}
    for name, words in description["boxes"].items():
        (across, down), rest = words["at"], {key: value for key, value in words.items() if key != "at"}
        note = rest.pop("note", "")
        x, y = MARGIN + column * (across + 0.5), MARGIN + SIDE / 2 + GAP + row * down
        boxes[name] = Box(x, y, note=note.split("\n") if note else [], **rest)
    arrows = [[boxes[each[0]], boxes[each[1]], *each[2:]] for each in description["arrows"]]
    width = max(box.x for box in boxes.values()) + column / 2 + MARGIN
    bottom = max(box.y + box.half[1] + (LINE * (1 + len(box.note)) if box.picture else 0) for box in boxes.values())
    kinds, dashed = (
        {box.kind for box in boxes.values()},
        any(each[3:4] and each[3].startswith("dash") for each in arrows),
    )
    explained = legend(kinds, dashed, bottom + 34)
    height = bottom + (34 if explained else 0) + MARGIN
    body = [arrow(*each) for each in arrows] + [box.draw() for box in boxes.values()]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
            f'height="{height:g}" role="img" aria-label={quoteattr(" ".join(description["alt"].split()))}>',
            f"<style>{STYLE}</style>",
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>',
            f'<rect class="paper" width="{width:g}" height="{height:g}" rx="10"/>',
            *body,
            *([explained] if explained else []),
            "</svg>\n",
        ]
    )


def described(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Return the descriptions of all figures by their names."""
    files = sorted(folder.glob("*.yml"))
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the settings of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; end with status 1 where a figure is old")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Write the figures, or name those that are not as described."""
    args, old = parse_args(argv), []
    for name, description in described().items():
        file, svg = FOLDER / f"{name}.svg", draw(description)
        if args.check:
            old += [] if file.is_file() and file.read_text(encoding="utf-8") == svg else [file.name]
        else:
            file.write_text(svg, encoding="utf-8")
    if old:
        print(
            f"error: not as described: {', '.join(old)}; python tools/docs/draw_figures.py draws them", file=sys.stderr
        )
    return 1 if old else 0


if __name__ == "__main__":
    raise SystemExit(main())
