"""How far masked pixels are from visible ones, by masking strategy, cell size and mask ratio (SimMIM, Figure 3).

    python tools/analysis/avgdist.py
    python tools/analysis/avgdist.py --sizes 224 --cells 16 32 --ratios 0.4 0.6 --masks 500

Prints Markdown tables of the mean over masks and its standard error, and writes them below --out with a CSV file and
pictures: AvgDist over the mask ratio, and the fine-tuning accuracy that the paper publishes over AvgDist.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmmim.commands.command_line import CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 224], help="image sides (default: 192 224)")
    parser.add_argument("--cells", type=int, nargs="*", default=[4, 8, 16, 32, 64], help="cells of random masks")
    parser.add_argument("--block-cells", type=int, nargs="*", default=[16, 32], help="cells of block-wise masks")
    parser.add_argument("--squares", type=int, nargs="*", default=[2, 3, 4], help="sides in cells of 32 pixels")
    parser.add_argument(
        "--ratios",
        type=float,
        nargs="+",
        default=[tenths / 10 for tenths in range(1, 10)],
        help="share of hidden pixels",
    )
    parser.add_argument("--masks", type=int, metavar="N", help="masks per entry (default: more for larger cells)")
    parser.add_argument("--seed", type=int, default=0, help="of the masks (default: 0)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=Path("work_dirs/avgdist"), help="folder of tables and pictures"
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Measure all entries and write the tables, the CSV file and the figures."""
    check_output("--out", args.out, folder=True)
    with libraries_loading():
        from mmmim.commands.work.avgdist import measure_and_draw
    measure_and_draw(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
