"""A palette of colours for ``ColorClusterTarget``, found by k-means in the pixels of your own images.

    python tools/analysis/color_palette.py --data DIR --out palette.npz
    python tools/analysis/color_palette.py --data toy --clusters 64 --pixels 100000 --out palette.npz

iGPT's palette of 512 colours comes from other images and another run of k-means: the classes of this palette are not
those of the paper, and losses over them are not comparable.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmmim.commands.command_line import CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.errors import UsageError
from mmmim.visualization.options import TOY


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument(
        "--data", dest="images", required=True, metavar="DIR|toy", help="folder of images, or the built-in data"
    )
    parser.add_old_name("--images", "--data")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.npz", help="the palette to write")
    parser.add_argument("--clusters", type=int, default=512, metavar="N", help="colours (default: 512)")
    parser.add_argument("--pixels", type=int, default=1_000_000, help="pixels to sample (default: 1000000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the sample and of k-means (default: 0)")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Find the palette and write it to the file."""
    if args.out.suffix != ".npz":
        raise UsageError(f"--out {args.out}: the name must end in .npz, which marks a palette of your own")
    for name in ("clusters", "pixels"):
        if getattr(args, name) < 1:
            raise UsageError(f"--{name}: at least 1, got {getattr(args, name)}")
    check_output("--out", args.out)
    if args.images != TOY and not Path(args.images).is_dir():
        raise UsageError(f"--data {args.images}: there is no such folder; give a folder of images, or toy")
    with libraries_loading():
        from mmmim.commands.work.color_palette import make_palette
    make_palette(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
