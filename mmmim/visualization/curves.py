from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmmim.errors import UsageError, did_you_mean
from mmmim.launch.run_record import newest_record
from mmmim.launch.scalars import training_records

from .options import names_for

DPI = 150
RECONSTRUCTION_KEYS = ("loss_reconstruction", "loss")


def draw(args: Namespace) -> Path:
    """Draw the loss curves of all runs and return the file."""
    names = [name or run_name(run) for run, name in zip(args.runs, names_for(args, args.runs), strict=True)]
    records = [newest_record(run) for run in args.runs]
    data = ["" if record is None else record.facts.get("data", "") for record in records]
    if len(set(data)) > 1:
        names = [f"{name} ({trained_on or 'unknown data'})" for name, trained_on in zip(names, data, strict=True)]
    curves = [
        read_curve(run, key, args.by, name)
        for key in args.key or [None]
        for run, name in zip(args.runs, names, strict=True)
    ]
    return save_curves(curves, args.out, x_label="epoch" if args.by == "epoch" else "iteration", title=args.title)


@dataclass
class Curve:
    """Values of one scalar: ``values[i]`` of ``key`` at ``steps[i]`` (epochs counted from 1, or iterations)."""

    name: str
    key: str
    steps: list[int]
    values: list[float]


def read_curve(run: str | Path, key: str | None = None, by: str = "epoch", name: str | None = None) -> Curve:
    """Return one scalar of a run: the mean of each epoch's records (``by='epoch'``) or every record (``by='iter'``).

    The default ``key`` is ``loss_reconstruction``, or ``loss`` where a method has no such term.
    """
    records = training_records(run)
    known = sorted({k for record in records for k in record})
    if key is None:
        key = next((k for k in RECONSTRUCTION_KEYS if k in known), None)
        if key is None:
            raise UsageError(f"RUN: '{run}' has no training records with a loss; found the scalars {known}")
    elif key not in known:
        raise UsageError(f"key: '{run}' has no scalar '{key}'{did_you_mean(key, known)}; it has {', '.join(known)}")
    if by not in ("epoch", "iter"):
        raise UsageError(f"by: 'epoch' or 'iter', got {by!r}")
    groups: dict[int, list[float]] = {}
    for record in records:
        if key in record:
            groups.setdefault(int(record.get(by, record["iter"])), []).append(float(record[key]))
    steps = sorted(groups)
    values = [sum(groups[step]) / len(groups[step]) for step in steps]
    return Curve(name or run_name(run), key, steps, values)


def run_name(run: str | Path) -> str:
    """Return the name of a run's folder, which is three above its ``scalars.json``."""
    run = Path(run).resolve()
    return run.parents[2].name if run.name == "scalars.json" and len(run.parents) > 2 else run.name


def save_curves(curves: Sequence[Curve], path: str | Path, *, x_label: str = "epoch", title: str = "") -> Path:
    """Draw curves into one PNG file, with axes for each scalar side by side, and return its path."""
    keys = list(dict.fromkeys(curve.key for curve in curves))
    figure = Figure(figsize=(6.4 * len(keys), 4.0), dpi=DPI, layout="constrained", facecolor="white")
    for key, axes in zip(keys, figure.subplots(1, len(keys), squeeze=False)[0], strict=True):
        for curve in (each for each in curves if each.key == key):
            marker = "o" if len(curve.steps) <= 20 else None
            axes.plot(curve.steps, curve.values, label=curve.name, linewidth=1.4, marker=marker, markersize=3)
        axes.set(xlabel=x_label, ylabel=key)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.grid(alpha=0.3)
    drawn = figure.axes[0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=min(3, len(drawn[1])), fontsize=8, frameon=False)
    figure.suptitle(title or f"{', '.join(keys)} by {x_label}", fontsize=11)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(path))
    return path
