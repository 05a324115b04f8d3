"""The work of ``tools/reproduce.py``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from mmmim.config.folder import workplace
from mmmim.errors import UsageError
from mmmim.launch.cores import available_cores
from mmmim.reproduce.chain import incompatible_starts
from mmmim.reproduce.collect import collect, write
from mmmim.reproduce.command import Run
from mmmim.reproduce.page import page, page_file
from mmmim.reproduce.plan import RowPlan, Settings, plan_table, unique
from mmmim.reproduce.runs import Runner, finished
from mmmim.reproduce.slurm import submit
from mmmim.reproduce.tables import Row, Table, find_table, load_tables


def describe(method: str, table: Table) -> str:
    """Return a table's rows as text: which run gives their numbers, and the published numbers."""
    lines = [f"{table.name}: {table.title}", f"  source: {table.source}"]
    width = max(len(row.name) for row in table.rows)
    for row in table.rows:
        numbers = "  ".join(
            f"{metric} {float(row.published[metric])}" for metric in table.metrics if metric in row.published
        )
        lines.append(
            f"  {row.name:{width}}  [{origin_of_numbers(method, row)}]  published: {numbers or 'not in the text'}"
        )
        if row.note:
            lines.append(f"  {'':{width}}  {row.note}")
    return "\n".join(lines)


def origin_of_numbers(method: str, row: Row) -> str:
    """Return in words which run gives a row's numbers, and which numbers have no run and why."""
    reasons: dict[str, list[str]] = {}
    for metric in row.published or dict.fromkeys(row.evaluation) or ("",):
        if (why := row.why_number_only(metric)) is not None:
            reasons.setdefault(why, []).append(metric)
    if not row.evaluation:
        return "; ".join(f"number only: {why}" for why in reasons)
    words = [f"run {method}/{row.config}"] if row.evaluations() else []
    words += [f"{', '.join(row.counts())} counted"] if row.counts() else []
    words += [f"{', '.join(which)} number only: {why}" for why, which in reasons.items()]
    return "; ".join(words)


def chosen_rows(plans: list[RowPlan], names: list[str], table: Table) -> list[RowPlan]:
    """Return the rows that are named, or all rows that have a run or a number computed from a config.

    Raises:
        UsageError: There is no such row, or a named row has nothing to run.
    """
    if not names:
        chosen = [plan for plan in plans if plan.runs or plan.counts]
        if not chosen:
            raise UsageError(f"{table.name}: no row has a run")
        return chosen
    wanted: list[Row] = [table.row(name) for name in names]
    chosen = [plan for plan in plans if plan.row in wanted]
    for plan in chosen:
        if plan.runs or plan.counts:
            continue
        if plan.row.evaluation:
            raise UsageError(f"row '{plan.row.name}': {'; '.join(plan.remarks)}")
        why = plan.row.why_number_only(next(iter(plan.row.published), ""))
        raise UsageError(f"row '{plan.row.name}': {why}, there is no run to start")
    return chosen


def keep_metrics(plans: list[RowPlan], names: list[str], table: Table) -> list[RowPlan]:
    """Return the plans without the runs that only other columns need."""
    if unknown := [name for name in names if name not in table.metrics]:
        raise UsageError(f"--metric {unknown[0]}: the columns of {table.name} are {', '.join(table.metrics)}")
    kept = {name: [run for plan in plans for run in plan.runs.get(name, [])] for name in names}
    if not any(kept.values()):
        raise UsageError(f"--metric {' '.join(names)}: no row of {table.name} has a run for it")
    return [replace(plan, root=[], runs={name: plan.runs.get(name, []) for name in names}) for plan in plans]


def reproduce(args: argparse.Namespace) -> int:
    """List tables, write the results page, or plan and run one table; return the exit status."""
    os.chdir(workplace())
    if args.page:
        if not page_file().is_file():
            raise UsageError(f"--page: this writes docs/results.md of a clone, and {workplace()} is none")
        page_file().write_text(page(), encoding="utf-8")
        print(f"written to {page_file().relative_to(workplace())}")
        return 0
    tables = load_tables(args.method)
    if args.list:
        shown = tables if args.table is None else [find_table(args.table, tables)]
        print("\n\n".join(describe(args.method, table) for table in shown))
        return 0
    return build(args, find_table(args.table, tables))


def check_runs(runs: list[Run]) -> None:
    """Raise a UsageError for runs that cannot succeed, before anything starts.

    These are trainings whose batch does not suit a fixed lr, and runs that cannot read the checkpoint they start from.
    """
    if problems := list(incompatible_starts([run for run in runs if not finished(run)])):
        raise UsageError("; ".join(problems))
    for run in runs:
        if run.tool == "train" and run.layout.fixed_lr and run.layout.deviation and not finished(run):
            raise UsageError(
                f"{run.config}: {run.layout.deviation}; give a train_dataloader.batch_size that divides the recipe's "
                "and leave --accumulate to this tool (--dry-run prints the batch of every run)"
            )


def build(args: argparse.Namespace, table: Table) -> int:
    """Plan a table and time, print, submit or run it, as the command line asks; return the exit status."""
    settings = Settings("toy" if args.method == "toy" else args.scale, args.seeds, args.gpus, tuple(args.extra))
    plans = plan_table(args.method, table, settings)
    chosen = chosen_rows(plans, args.row, table)
    runs = unique(keep_metrics(chosen, args.metric, table) if args.metric else chosen)
    if args.time is not None:
        from mmmim.reproduce.timing import time_rows

        print(f"written to {time_rows(args.method, table, args.time).relative_to(workplace())}")

    def table_so_far() -> Path:
        return write(collect(args.method, table, plans, settings), Path(args.out))

    if args.collect or args.time is not None:
        print(f"written to {table_so_far()}")
        return 0
    if args.dry_run:
        from mmmim.reproduce.cost import describe as describe_runs

        print(describe_runs(runs))
        return 0
    check_runs(runs)
    if args.slurm:
        submit(runs, args.slurm)
        print("While they run and when they have ended, the same command with --collect writes the table.")
        return 0
    runner = Runner(available_cores(), lanes=2 if settings.scale == "toy" else 1, ended=table_so_far)
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        runner.run(runs)  # the exit also ends the runs, which then save their state
    finally:
        signal.signal(signal.SIGTERM, before)
    print(f"\n{table_so_far().read_text(encoding='utf-8')}")
    for run, why in runner.failed.items():
        print(f"failed: {run.name}: {why}", file=sys.stderr)
    return bool(runner.failed)
