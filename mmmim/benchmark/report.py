"""Print the figures of contenders as a table, and write them to a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .facts import machine
from .rounds import Timing


def print_timings(timings: Mapping[str, Timing], reference: str, unit: str) -> None:
    """Print a Markdown table: CPU time of an item, items a second, their spread, and the ratio to a reference."""
    print(f"| | CPU ms/{unit} | {unit}s/s per core | spread | ratio |\n|---|---|---|---|---|")
    for name, timing in timings.items():
        ratio = f"{timings[reference].median / timing.median:.2f}" if reference in timings else ""
        print(f"| {name} | {1e3 * timing.median:.3f} | {1 / timing.median:,.0f} | {timing.spread:.1%} | {ratio} |")


def write(path: Path | None, kind: str, figures: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Write figures with the machine and the settings that they were measured with, if a ``path`` is given."""
    if path is None:
        return
    kept = {key: value for key, value in settings.items() if isinstance(value, (str, int, float, list, type(None)))}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = dict(kind=kind, machine=machine(), settings=kept, figures=figures)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {path}")
