"""Write one HTML page about a run, or about several side by side: it needs no network and no JavaScript.

python tools/report.py work_dirs/mae/vit-tiny_toy
python tools/report.py work_dirs/mae/vit-tiny_toy work_dirs/ccmim/vit-tiny_toy --out compared.html
python tools/report.py RUN --data DIR --num 8 --out report.html

Summary, losses and monitors, pictures of what the model recovers, hides and looks at, nearest neighbours, results of
knn and probe, speed, the recipe and where each value comes from, broken files, the machine, and how to repeat it. A run
that has not finished gives what there is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmmim.commands.command_line import DATA, OUTPUT, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool

NAME = "report.html"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="work directory of a run, what --work-dir said")
    parser.add_argument("--names", nargs="+", metavar="NAME", help="of the runs (default: those of their folders)")
    parser.add_argument("--title", help="heading of the page (default: the names of the runs)")
    data = parser.group(DATA)
    data.add_argument(
        "--data", metavar="DIR", help="images to draw: a folder, or toy (default: the run's, or the built-in ones)"
    )
    data.add_argument("--num", type=int, default=4, help="images in each picture (default: 4)")
    data.add_argument("--seed", type=int, default=0, help="seed of masks and untrained weights (default: 0)")
    data.add_argument("--no-pictures", action="store_true", help="load no checkpoint: only what was logged")
    parser.group(OUTPUT).add_argument(
        "--out", metavar="FILE.html", help=f"default: {NAME} in the folder of a single run, else in the current one"
    )
    args = parser.parse_args(argv)
    if args.num < 1:
        parser.error(f"--num {args.num}: at least 1")
    if args.names and len(args.names) != len(args.runs):
        parser.error(f"--names: {len(args.runs)} runs to be named, got {len(args.names)} names")
    return args


def run(args: argparse.Namespace) -> None:
    """Write the page and print the name of its file."""
    out = Path(args.out or (Path(args.runs[0], NAME) if len(args.runs) == 1 else NAME))
    if args.out:
        check_output("--out", args.out)
    with libraries_loading():
        from mmmim.report.page import write_report
        from mmmim.report.run_folder import read_runs
    runs = read_runs(args.runs, args.names)
    check_output("--out", out)
    file = write_report(
        runs,
        out,
        title=args.title,
        source=args.data,
        num=args.num,
        seed=args.seed,
        pictures=not args.no_pictures,
    )
    print(f"wrote {file}; open it in a browser")


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
