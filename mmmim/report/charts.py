"""Line charts as SVG whose colours are those of the page, in light, dark and on paper."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

COLOURS = 8  # of the style sheet: --series-1 to --series-8
INK = "#0a0b0c"  # stands for the colour of text
MARKED = 30  # up to so many points are marked
SHOWN_POINTS = 400
SHOWN_ROWS = 10
DASHES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Line:
    """Values of one scalar of one run at its steps; ``colour`` is a number from 0 on, the same in all charts."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    colour: int = 0


@dataclass(frozen=True)
class Chart:
    """A drawn chart: its SVG, its description, and its values as a table."""

    title: str
    svg: str
    description: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def line_chart(title: str, lines: Sequence[Line], x_label: str, legend: bool = True) -> Chart:
    """Return a chart of lines over one axis; values that are not finite leave a gap."""
    shown = [_thinned(line) for line in lines]
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": f"{title} {lines}", "font.size": 10}):
        figure = Figure(figsize=(6.0, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for line in shown:
            axes.plot(
                line.steps,
                line.values,
                DASHES[line.colour // COLOURS % len(DASHES)],
                label=line.name,
                color=_stand_in(line.colour),
                linewidth=1.6,
                marker="o" if len(line.steps) <= MARKED else None,
                markersize=3,
            )
        axes.set_xlabel(x_label, color=INK)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.tick_params(colors=INK)
        axes.grid(color=INK, alpha=0.15)
        for spine in axes.spines.values():
            spine.set_color(INK)
        if legend:
            figure.legend(loc="outside lower center", ncols=min(3, len(shown)), frameon=False, labelcolor=INK)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Chart(title, _of_the_page(written.getvalue()), _description(lines, x_label), *_table(lines, x_label))


def by_epoch(records: Sequence[Mapping[str, float]], key: str) -> tuple[list[float], list[float]]:
    """Return the means of a scalar over the records of each epoch; by iteration where there is one epoch at most."""
    found = [record for record in records if isinstance(record.get(key), (int, float))]
    epochs = {record.get("epoch") for record in found}
    unit = "epoch" if len(epochs - {None}) > 1 and None not in epochs else "iter"
    groups: dict[float, list[float]] = {}
    for record in found:
        groups.setdefault(record[unit], []).append(record[key])
    return list(groups), [sum(values) / len(values) for values in groups.values()]


def number(value: float) -> str:
    """Return a number with four digits that count."""
    return f"{value:,.0f}" if abs(value) >= 10_000 and math.isfinite(value) else f"{value:.4g}"


def _thinned(line: Line) -> Line:
    """Return at most so many points, each the mean of its neighbours."""
    size = math.ceil(len(line.steps) / SHOWN_POINTS)
    if size <= 1:
        return line
    starts = range(0, len(line.steps), size)
    means = [sum(part) / len(part) for part in (line.values[i : i + size] for i in starts)]
    return Line(line.name, [line.steps[i] for i in starts], means, line.colour)


def _stand_in(index: int) -> str:
    return f"#0a0b{0xA1 + index % COLOURS:02x}"


def _of_the_page(svg: str) -> str:
    """Return the ``<svg>`` element alone, with the colours and the font of the page, and named by its figure."""
    svg = svg[svg.index("<svg") :]
    for index in range(COLOURS):
        svg = svg.replace(_stand_in(index), f"var(--series-{index + 1})")
    svg = svg.replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.S)  # it would be one of the whole page
    svg = re.sub(
        r"font(?:-family)?: (?:([\d.]+px) )?[^;\"]*;? ?", lambda m: f"font-size: {m[1]}; " if m[1] else "", svg
    )
    svg = re.sub(r'<g id="[\w.]+"', "<g", svg)
    return re.sub(r'<svg [^>]*viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true" focusable="false">', svg)


def _description(lines: Sequence[Line], x_label: str) -> str:
    told = []
    for line in lines:
        if line.steps:
            first, last = number(line.values[0]), number(line.values[-1])
            told.append(f"{line.name} from {first} at {x_label} {line.steps[0]:g} to {last} at {line.steps[-1]:g}")
    return "; ".join(told)


def _table(lines: Sequence[Line], x_label: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    values = [dict(zip(line.steps, line.values, strict=True)) for line in lines]
    steps = sorted({step for line in lines for step in line.steps})
    if len(steps) > SHOWN_ROWS:
        steps = [steps[round(i * (len(steps) - 1) / (SHOWN_ROWS - 1))] for i in range(SHOWN_ROWS)]
    rows = [(f"{step:g}", *(number(each[step]) if step in each else "" for each in values)) for step in steps]
    return (x_label, *(line.name for line in lines)), tuple(rows)
