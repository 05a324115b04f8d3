"""Reproduce a results table of a paper: plan and run it, and write published and own numbers side by side.

python tools/reproduce.py ccmim --list
python tools/reproduce.py ccmim table5 --scale toy --dry-run
python tools/reproduce.py ccmim table5 --scale toy
python tools/reproduce.py ccmim table5 --row importance-sampling-100e --gpus 32 -- --data /data/imagenet
python tools/reproduce.py ccmim table5 --gpus 32 --slurm PARTITION
python tools/reproduce.py --page
"""

from __future__ import annotations

import argparse
import sys

from mmmim.commands.command_line import MACHINE, OUTPUT, CommandParser
from mmmim.commands.running import libraries_loading, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    argv = sys.argv[1:] if argv is None else argv
    own, extra = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    parser = CommandParser(description=__doc__, epilog="Words after -- go to tools/train.py as they are.")
    parser.add_argument("method", nargs="?", help="folder below configs/, for example ccmim; toy: all, at toy scale")
    parser.add_argument("table", nargs="?", help="table1, fig2, ...; with --list: show this one only")
    rows = parser.group("which numbers")
    rows.add_argument("--row", nargs="+", default=[], help="rows to run (default: all that have a run)")
    rows.add_argument("--metric", nargs="+", default=[], help="columns to run (default: all)")
    rows.add_argument("--scale", choices=("full", "toy"), default="full", help="toy: tiny models, built-in pictures")
    rows.add_argument("--seeds", type=int, default=1, metavar="N", help="run everything with seeds 0 to N-1")
    other = parser.group("instead of running")
    other.add_argument("--list", action="store_true", help="print tables, rows and published numbers")
    other.add_argument(
        "--dry-run", action="store_true", help="print the runs with their cost and commands; run nothing"
    )
    other.add_argument("--collect", action="store_true", help="write the table of finished runs; run nothing")
    machine = parser.group(MACHINE)
    machine.add_argument(
        "--gpus", type=int, default=1, metavar="N", help="largest number of processes of a training (default: 1)"
    )
    other.add_argument(
        "--time",
        type=int,
        metavar="IMAGES",
        help="measure the relative cost of rows here, in steps of this many images",
    )
    machine.add_argument("--slurm", metavar="PARTITION", help="submit the runs instead of running them here")
    parser.group(OUTPUT).add_argument(
        "--out", default="work_dirs/reproduce", metavar="DIR", help="folder of the finished table"
    )
    other.add_argument("--page", action="store_true", help="write docs/results.md from docs/results/*.json")
    args = parser.parse_args(own)
    args.extra = extra
    if not args.page and (args.method is None or not (args.list or args.table)):
        parser.error("give METHOD --list, METHOD TABLE, or --page")
    for name in ("gpus", "seeds", "time"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f"--{name}: at least 1, got {getattr(args, name)}")
    return args


def run(args: argparse.Namespace) -> int:
    """List tables, write the results page, or plan and run one table; return the exit status."""
    with libraries_loading():
        from mmmim.commands.work.reproduce import reproduce
    return reproduce(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
