"""The page ``docs/results.md``, written from ``docs/results/*.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmmim.config.folder import workplace
from mmmim.errors import UsageError
from mmmim.reproduce.collect import TOY_NOTE, cells, markdown_table, numbers_note

KEYS = ("method", "table", "title", "source", "scale", "seeds", "command", "metrics", "rows", "runs")
FIRST_TABLES = ("toy_classification", "toy_dense")
HEAD = """# Results

Measured by us, with the command above each table; empty cells were not run. Published numbers stand in columns of
their own and were measured by the authors of the papers. Every number is read from the log of its run; commands,
seeds, versions and times of all runs are in the `.json` files of [results](results/). This page is written by

```bash
python tools/reproduce.py --page
```
"""
EMPTY = "No table has been run yet: [Reproducing a table](reproduce.md) says how.\n"


def read(file: Path) -> dict[str, Any]:
    """Return one table as ``tools/reproduce.py`` wrote it.

    Raises:
        UsageError: The file is not readable, or holds no such table; the message names the file.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}; write it again with tools/reproduce.py") from error
    missing = [key for key in KEYS if key not in data] if isinstance(data, dict) else list(KEYS)
    if missing:
        raise UsageError(f"{file}: no table of tools/reproduce.py, it has no {', '.join(missing)}")
    return data


def section(data: dict[str, Any]) -> str:
    """Return the section of one table in Markdown."""
    name = data["table"].capitalize() if data["method"] == "toy" else f"{data['method']} {data['table']}"
    toy = data["scale"] == "toy"
    parts = [
        f"## {name}{' at toy scale' if toy else ''}",
        f"{data['title']}. {numbers_note(data)}",
        *([TOY_NOTE] if toy and data["method"] != "toy" else []),
        f"```bash\n{data['command']}\n```",
        markdown_table(*cells(data)),
        runs_note(data["runs"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def runs_note(runs: dict[str, Any]) -> str:
    """Return one line on the runs of a table: their number, time, devices, versions, commits and dates."""
    if not runs:
        return ""
    records = list(runs.values())
    seconds = sum(record.get("seconds") or 0 for record in records)
    commits = sorted({record["commit"] for record in records if record.get("commit")})
    devices = sorted({record["device"] for record in records if record.get("device")})
    days = sorted(record["date"][:10] for record in records if record.get("date"))
    torches = sorted({record["versions"]["torch"] for record in records if record.get("versions")})
    words = [f"{len(records)} runs", f"{seconds / 60:.0f} minutes in all", *devices, *(f"torch {t}" for t in torches)]
    words += [f"commit {', '.join(commits)}"] if commits else []
    words += [" to ".join(dict.fromkeys((days[0], days[-1])))] if days else []
    return "; ".join(words) + "."


def results_folder() -> Path:
    """Return the folder of the tables that the page shows."""
    return workplace() / "docs" / "results"


def page_file() -> Path:
    """Return the file that the page is written to."""
    return workplace() / "docs" / "results.md"


def page(results: Path | None = None) -> str:
    """Return the whole page: all methods side by side first, then the tables of single papers."""
    results = results or results_folder()
    files = sorted(results.glob("*.json"), key=lambda f: (f.stem not in FIRST_TABLES, f.stem))
    return "\n".join([HEAD, *(section(read(file)) for file in files)]) if files else f"{HEAD}\n{EMPTY}"
