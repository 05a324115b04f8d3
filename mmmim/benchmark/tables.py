"""Show measured figures as Markdown tables, from memory or from the JSON file of an earlier measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Figures = Mapping[str, Any]

STEP_COLUMNS = {
    "images_per_s": ("images/s", 1.0),
    "median_s": ("median s/step", 1.0),
    "cpu_s": ("CPU s/step", 1.0),
    "flops": ("GFLOP/image", 1e9),
    "saved_bytes": ("saved MB/image", 1e6),
    "parameters": ("parameters (M)", 1e6),
    "mfu": ("MFU", 1.0),
    "peak_bytes": ("peak GB", 1e9),
}
REFERENCES = ("mmpretrain, pillow", "mmmim, files", "import torch")


def timing_table(figures: Figures, unit: str) -> str:
    """Return CPU time of an item, items a second, their spread, and how often they are faster than the reference.

    The reference is mmpretrain's pipeline where it was measured, otherwise ours from files; of starts, torch's.
    """
    reference = next(figures[name]["median_ms"] for name in REFERENCES if name in figures)
    lines = [f"| | CPU ms/{unit} | {unit}s/s per core | spread | ratio |", "|---|---|---|---|---|"]
    for name, row in figures.items():
        median, rate = row["median_ms"], row["per_second"]
        lines.append(f"| {name} | {median:.3f} | {rate:,.0f} | {row['spread']:.1%} | {reference / median:.2f} |")
    return "\n".join(lines)


def start_table(figures: Figures) -> str:
    """Return CPU seconds of each start, their spread, and the ratio to the import of torch."""
    reference = figures["import torch"]["median_ms"]
    lines = ["| | CPU s | spread | ratio |", "|---|---|---|---|"]
    for name, row in figures.items():
        median = row["median_ms"]
        lines.append(f"| `{name}` | {median / 1e3:.3f} | {row['spread']:.0%} | {median / reference:.2f} |")
    return "\n".join(lines)


def step_table(figures: Figures) -> str:
    """Return the figures of steps, and the ratios of each row to the last one if there are several."""
    rows = {name: row for name, row in figures.items() if name != "kernels"}
    known = {key: column for key, column in STEP_COLUMNS.items() if all(key in row for row in rows.values())}
    lines = [f"| | {' | '.join(title for title, _ in known.values())} |", "|---" * (len(known) + 1) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[key] / unit:.3f}" for key, (_, unit) in known.items()) + " |")
    *others, reference = rows
    for name in others:
        ratios = " | ".join(f"{rows[name][key] / rows[reference][key]:.3f}" for key in known)
        lines.append(f"| {name} / {reference} | {ratios} |")
    lines += [f"{kernel['share']:6.1%}  {kernel['name']}" for kernel in figures.get("kernels", ())]
    return "\n".join(lines)


def evaluation_table(figures: Figures) -> str:
    """Return CPU seconds, seconds and images a second of the parts of an evaluation."""
    lines = ["| | CPU s | wall s | images/s |", "|---|---|---|---|"]
    for name, row in figures.items():
        lines.append(f"| {name} | {row['cpu_s']:.2f} | {row['wall_s']:.2f} | {row['images_per_s']:,.0f} |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[Figures], str]] = {
    "data": lambda figures: timing_table(figures, "image"),
    "step": step_table,
    "startup": start_table,
    "eval": evaluation_table,
}
