from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmmim.errors import UsageError, did_you_mean
from mmmim.launch.scalars import training_records

from .options import names_for

DPI = 150
RECONSTRUCTION_KEYS = ("loss_reconstruction", "loss")


def draw(args: Namespace) -> Path:
    """Draw the loss curves of all runs and return the file."""
    names = names_for(args, args.runs)
    curves = [read_curve(run, args.key, args.by, name) for run, name in zip(args.runs, names, strict=True)]
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
    return Curve(name or _run_name(run), key, steps, values)


def _run_name(run: str | Path) -> str:
    run = Path(run).resolve()
    return run.parents[2].name if run.name == "scalars.json" and len(run.parents) > 2 else run.name


def save_curves(curves: Sequence[Curve], path: str | Path, *, x_label: str = "epoch", title: str = "") -> Path:
    """Draw ``curves`` into one PNG file and return its path."""
    figure = Figure(figsize=(6.4, 4.0), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    for curve in curves:
        marker = "o" if len(curve.steps) <= 20 else None
        axes.plot(curve.steps, curve.values, label=curve.name, linewidth=1.4, marker=marker, markersize=3)
    keys = sorted({curve.key for curve in curves})
    axes.set(xlabel=x_label, ylabel=", ".join(keys), title=title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(path))
    return path
