"""Look at images of your own, and say how to train on them: method, sizes, epochs, commands, hours on this machine.

    python tools/advise.py DIR
    python tools/advise.py DIR --method simmim --no-measure

DIR is a folder of images, with or without class folders or train/ and val/, or whatever else --data reads. The
recommended run is begun with its data for 20 steps, of which nothing is kept. docs/your_data.md has the rules.
"""

from __future__ import annotations

import argparse

from mmmim.commands.command_line import DATA, MACHINE, MODEL, OUTPUT, CommandParser
from mmmim.commands.running import libraries_loading, run_tool

METHODS = ("mae", "ccmim", "simmim", "conmim", "beit", "cim", "beyond_masking")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("folder", metavar="DIR", help="folder of images, pack, ZIP, WebDataset, Hugging Face datasets")
    parser.group(DATA).add_argument(
        "--max-images", type=int, default=2000, metavar="N",
        help="images of a part to decode, evenly spaced; all are counted; 0: all (default: 2000)",
    )  # fmt: skip
    parser.group(MODEL).add_argument("--method", choices=METHODS, help="default: the recommended one")
    machine = parser.group(MACHINE)
    machine.add_argument("--workers", type=int, metavar="N", help="processes that decode (default: one per core)")
    machine.add_argument("--no-measure", action="store_true", help="train no steps to tell the hours")
    parser.group(OUTPUT).add_argument("--json", action="store_true", help="print the facts and the advice as JSON")
    args = parser.parse_args(argv)
    for name in ("max_images", "workers"):
        if (getattr(args, name) or 0) < 0:
            parser.error(f"--{name.replace('_', '-')} {getattr(args, name)}: at least 0")
    return args


def run(args: argparse.Namespace) -> None:
    """Print what the images are, the recommended run, its commands and its hours."""
    with libraries_loading():
        from mmmim.commands.work.advise import advise
    advise(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
