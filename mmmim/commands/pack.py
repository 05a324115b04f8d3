"""Pack images into a few large files, which train faster than single files and are copied as fast as a disk writes.

python tools/pack.py DIR OUT
python tools/pack.py DIR OUT --size 256 --format pixels --workers 16
python tools/pack.py LIST OUT --root DIR
python tools/train.py configs/mae/vit-b_800e.py --data OUT
python tools/pack.py --verify OUT

DIR is a folder of images, with or without class folders or train/ and val/, or whatever else --data reads: a ZIP file,
WebDataset tars, a data set that Hugging Face's datasets saved, Parquet files. LIST is a text file with a path, and
perhaps a label, in each line. A command that was stopped goes on when it is given again.
"""

from __future__ import annotations

import argparse
import os

from mmmim.commands.command_line import DATA, MACHINE, OUTPUT, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("source", nargs="?", metavar="DIR|LIST", help="images to pack")
    parser.add_argument("out", nargs="?", metavar="OUT", help="folder of the pack")
    parser.add_argument("--verify", metavar="PACK", help="read a pack and compare it with its checksums")
    data = parser.group(DATA)
    data.add_argument("--root", metavar="DIR", help="folder that the paths in LIST start from (default: that of LIST)")
    data.add_argument("--channels", type=int, default=3, help="of the images, as for ImageFolder (default: 3)")
    data.add_argument(
        "--value-range", type=float, nargs=2, metavar=("LOW", "HIGH"), help="values that become 0 and 255"
    )
    data.add_argument("--extensions", nargs="+", metavar=".EXT", help="of the images (default: all that are read)")
    output = parser.group(OUTPUT)
    output.add_argument(
        "--format", choices=("jpeg", "pixels"), default="jpeg",
        help="jpeg: small, decoded at each reading; pixels: ten times as large, nothing is decoded (default: jpeg)",
    )  # fmt: skip
    output.add_argument("--size", type=int, default=256, help="longest short side in pixels (default: 256)")
    output.add_argument("--quality", type=int, default=90, help="of JPEG files that are made smaller (default: 90)")
    output.add_argument("--per-shard", type=int, metavar="N", help="images in one file (default: 10000, pixels 4000)")
    parser.group(MACHINE).add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)"
    )
    args = parser.parse_args(argv)
    if (args.verify is None) == (args.out is None) or (args.verify is not None and args.source is not None):
        parser.error("give DIR|LIST and OUT to pack images, or --verify PACK")
    if args.workers < 1:
        parser.error(f"--workers {args.workers}: at least 1 process")
    return args


def run(args: argparse.Namespace) -> int:
    """Write or verify a pack; return the exit status."""
    check_output("OUT", args.out, folder=True)
    with libraries_loading():
        from mmmim.commands.work.pack import pack, verify
    return pack(args) if args.verify is None else verify(args.verify)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
