"""List the results tables of a paper, or start the run that belongs to one row.

python tools/reproduce.py ccmim --list
python tools/reproduce.py ccmim table5 --row importance-sampling-100e --dry-run
python tools/reproduce.py ccmim table5 --row importance-sampling-100e --gpus 32 -- --data /data/imagenet
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from mmmim.engine.errors import UsageError
from mmmim.engine.tables import Row, Table, cfg_options, find_table, load_tables, row_config

ROOT = Path(__file__).resolve().parents[1]


def parse_args(argv: list[str]) -> argparse.Namespace:
    own, extra = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Words after -- go to tools/train.py as they are.",
    )
    parser.add_argument("method", help="folder below configs/, for example ccmim")
    parser.add_argument("table", nargs="?", help="table1, fig2, ...; with --list: show this one only")
    parser.add_argument("--row", help="row to run")
    parser.add_argument("--list", action="store_true", help="print tables, rows and published numbers")
    parser.add_argument("--dry-run", action="store_true", help="build everything, print the plan, train nothing")
    parser.add_argument("--gpus", type=int, default=1, help="number of processes in all (default: 1)")
    args = parser.parse_args(own)
    args.extra = extra
    if not args.list and not (args.table and args.row):
        parser.error("give --list, or TABLE and --row ROW")
    if args.gpus < 1:
        parser.error(f"--gpus: at least 1, got {args.gpus}")
    return args


def describe(method: str, table: Table) -> str:
    lines = [f"{table.name}: {table.title}", f"  source: {table.source}"]
    width = max(len(row.name) for row in table.rows)
    for row in table.rows:
        numbers = "  ".join(
            f"{metric} {float(row.published[metric])}" for metric in table.metrics if metric in row.published
        )
        run = f"run {method}/{row.config}" if row.config else "published only"
        lines.append(f"  {row.name:{width}}  [{run}]  published: {numbers or 'not in the text'}")
        if row.note:
            lines.append(f"  {'':{width}}  {row.note}")
    return "\n".join(lines)


def work_dir(method: str, table: Table, row: Row, extra: list[str]) -> str:
    if "--work-dir" in extra[:-1]:
        return extra[extra.index("--work-dir") + 1]
    return f"work_dirs/{method}/{table.name}/{row.name}"


def train_command(config: str, folder: str, row: Row, args: argparse.Namespace) -> list[str]:
    command = ["bash", "tools/dist_train.sh", config, str(args.gpus)]
    if args.gpus == 1:
        command = [sys.executable, "tools/train.py", config]
    if "--work-dir" not in args.extra:
        command += ["--work-dir", folder]
    if row.overrides:
        command += ["--cfg-options", *cfg_options(row.overrides)]
    return command + (["--dry-run"] if args.dry_run else []) + args.extra


def main(argv: list[str] | None = None) -> int:
    args = parse_args(sys.argv[1:] if argv is None else argv)
    try:
        tables = load_tables(args.method)
        shown = tables if args.table is None else [find_table(args.table, tables)]
        if args.list:
            print("\n\n".join(describe(args.method, table) for table in shown))
            return 0
        table = shown[0]
        row = table.row(args.row)
        epochs = row_config(args.method, row).train_cfg.max_epochs
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    folder = work_dir(args.method, table, row, args.extra)
    command = train_command(f"configs/{args.method}/{row.config}", folder, row, args)
    print(describe(args.method, replace(table, rows=(row,))))
    print(f"running: {shlex.join(command)}", flush=True)
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code == 0 and row.evaluation:
        print("what follows for the published numbers:")
        for name in row.evaluation:
            print(f"  python tools/train.py configs/{args.method}/{name} --checkpoint {folder}/epoch_{epochs}.pth")
    return code


if __name__ == "__main__":
    sys.exit(main())
