"""Collect the numbers of finished runs in a table with published and own numbers, as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from mmmim.reproduce.command import Run
from mmmim.reproduce.counts import counted
from mmmim.reproduce.plan import RowPlan, Settings
from mmmim.reproduce.runs import finished, metrics_of, read_record
from mmmim.reproduce.tables import TEST_SUFFIXES, Table

KNN = "k20"
ACCURACY = "accuracy/top1"
TOY_NOTE = "**Toy scale**: a tiny model on generated pictures; not comparable with the published numbers."
RECORD = ("command", "seed", "config", "commit", "date", "versions", "device", "seconds")


def number(run: Run, metric: str) -> float | None:
    """Return the number that a finished run gives for a column of a table, or None."""
    if not finished(run):
        return None
    found = metrics_of(run)
    return next((round(found[name], 3) for name in logged_names(run, metric) if name in found), None)


def logged_names(run: Run, metric: str) -> tuple[str, ...]:
    """Return the names under which a run may have logged the number of a column."""
    for how in TEST_SUFFIXES:
        metric = metric.removesuffix(how)
    return {"probe": ("top1",), "knn": (KNN,)}.get(run.tool, (metric, f"coco/{metric}", ACCURACY))


def best_by_seed(runs: Sequence[Run], metric: str) -> list[float]:
    """Return a number per seed. Where a seed has several runs, it is that of the best one, once all have ended."""
    found: dict[int, list[float | None]] = {}
    for run in runs:
        found.setdefault(run.seed, []).append(number(run, metric))
    complete = [[value for value in values if value is not None] for values in found.values() if None not in values]
    return [max(values) for values in complete]


def collect(method: str, table: Table, plans: Sequence[RowPlan], settings: Settings) -> dict[str, Any]:
    """Return everything that is known of a table, as it is written to its JSON file."""
    rows: list[dict[str, Any]] = []
    runs: dict[str, Any] = {}
    for plan in plans:
        own: dict[str, list[float]] = {}
        for metric, ran in plan.runs.items():
            if values := best_by_seed(ran, metric):
                own[metric] = values
        for metric, count in plan.counts.items():
            if (value := counted(method, table, plan.row, metric, count)) is not None:
                own[metric] = [round(value, 3)]
        for run in plan.all_runs():
            if run.name not in runs and finished(run):
                record = read_record(run)
                runs[run.name] = {key: record.get(key) for key in RECORD} | dict(metrics=rounded(metrics_of(run)))
        used = {metric: [run.name for run in ran] for metric, ran in plan.runs.items()}
        row = dict(name=plan.row.name, published=plan.row.published, own=own, runs=used)
        rows.append(row | dict(missing=plan.missing, remarks=plan.remarks, note=plan.row.note))
    return dict(
        method=method,
        table=table.name,
        title=table.title,
        source=table.source,
        scale=settings.scale,
        seeds=settings.seeds,
        command=command_of(method, table, settings),
        metrics=list(table.metrics),
        counted=list(dict.fromkeys(m for plan in plans for m, count in plan.counts.items() if count.what != "cost")),
        rows=rows,
        runs=runs,
    )


def rounded(values: dict[str, float]) -> dict[str, float]:
    """Return the values rounded to four digits after the point."""
    return {key: round(value, 4) for key, value in values.items()}


def command_of(method: str, table: Table, settings: Settings) -> str:
    """Return the command that runs the table."""
    words = ["python tools/reproduce.py", method, table.name]
    words += ["--scale toy"] if settings.scale == "toy" and method != "toy" else []
    words += [f"--seeds {settings.seeds}"] if settings.seeds > 1 else []
    return " ".join([*words, *(["--", *settings.extra] if settings.extra else [])])


def cell(values: Sequence[float], seeds: int) -> str:
    """Return the text of a cell: ``61.2``, or mean ± standard deviation over seeds; empty where nothing was run.

    Where some seeds are missing, the number of those that ran is added.
    """
    if not values:
        return ""
    count = f" (of {len(values)})" if 1 < len(values) < seeds else ""
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "") + count


def cells(data: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of a table; a metric has a published column only where a number was published."""
    printed = [m for m in data["metrics"] if any(m in row["published"] for row in data["rows"])]
    head = ["row"]
    for metric in data["metrics"]:
        head += [f"{metric} published"] if metric in printed else []
        head.append(f"{metric} own")
    body = []
    for row in data["rows"]:
        line = [row["name"]]
        for metric in data["metrics"]:
            line += [str(row["published"].get(metric, ""))] if metric in printed else []
            line.append(cell(row["own"].get(metric, []), data["seeds"]))
        body.append(line)
    return head, body


def markdown_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return head and rows as a Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def numbers_note(data: dict[str, Any]) -> str:
    """Return a sentence on what the own numbers are."""
    seeds = data["seeds"]
    counted = f" Counted from the configs: {', '.join(data['counted'])}." if data.get("counted") else ""
    if seeds == 1:
        return f"Own numbers: of one run.{counted}"
    counts = {len(values) for row in data["rows"] for values in row["own"].values()}
    fewer = "; (of n): over n" if any(1 < count < seeds for count in counts) else ""
    single = "; without ±: of one run" if 1 in counts else ""
    return f"Own numbers: mean ± standard deviation over {seeds} seeds{fewer}{single}.{counted}"


def source_note(data: dict[str, Any]) -> str:
    """Return a sentence on where the published numbers come from."""
    printed = any(row["published"] for row in data["rows"])
    return f" Source of the published numbers: {data['source']}." if printed else ""


def is_toy_version(data: dict[str, Any]) -> bool:
    """Return whether a paper's table was run at toy scale."""
    return data["scale"] == "toy" and data["method"] != "toy"


def markdown(data: dict[str, Any]) -> str:
    """Return the table as a Markdown page."""
    toy_version = is_toy_version(data)
    parts = [
        f"# {data['method']} {data['table']}" + (" at toy scale" if toy_version else ""),
        f"{data['title']}.{source_note(data)} {numbers_note(data)}",
        *([TOY_NOTE] if toy_version else []),
        f"```bash\n{data['command']}\n```",
        markdown_table(*cells(data)),
    ]
    remarks = [f"- {row['name']}: {'; '.join(row['remarks'])}" for row in data["rows"] if row["remarks"]]
    return "\n\n".join([*parts, *(["\n".join(remarks)] if remarks else [])]) + "\n"


def as_csv(data: dict[str, Any]) -> str:
    """Return the table as CSV, with columns of their own for mean and standard deviation."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [f"{metric}_{kind}" for metric in data["metrics"] for kind in ("published", "own", "std", "runs")]
    writer.writerow(["row", *columns])
    for row in data["rows"]:
        line: list[Any] = [row["name"]]
        for metric in data["metrics"]:
            own = row["own"].get(metric, [])
            spread = round(stdev(own), 3) if len(own) > 1 else ""
            line += [row["published"].get(metric, ""), round(mean(own), 3) if own else "", spread, len(own)]
        writer.writerow(line)
    return text.getvalue()


def write(data: dict[str, Any], out: Path) -> Path:
    """Write ``<out>/<method>_<table>[_toy].{md,csv,json}`` and return the Markdown file."""
    stem = f"{data['method']}_{data['table']}" + ("_toy" if is_toy_version(data) else "")
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{stem}.json").write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / f"{stem}.csv").write_text(as_csv(data), encoding="utf-8")
    (out / f"{stem}.md").write_text(markdown(data), encoding="utf-8")
    return out / f"{stem}.md"
