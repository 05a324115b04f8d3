"""Measure the parts of a CIM step: CPU seconds, and 1e9 multiply-adds (GMAC) per image.

    python tools/analysis/cim_parts.py configs/cim/vit-b_respix_300e.py --batch-size 8 --steps 2
    python tools/analysis/cim_parts.py configs/cim/vit-b_respix_300e.py --dtype bfloat16

encode: tokens of the original images; generator: the small BEiT and its loss, forward and backward; paint: sampling,
decoding, enlarging; enhancer: encoder, head, target and loss, forward and backward; optimizer: update of the weights.
The tokenizer needs no file of weights: random weights cost the same.
"""

from __future__ import annotations

import argparse

from mmmim.commands.command_line import CommandParser
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.config.find import find_config

DTYPES = ("float32", "bfloat16", "float16")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_config()
    parser.add_argument(
        "--batch-size", dest="batch", type=int, metavar="N", default=8, help="images per step (default: 8)"
    )
    parser.add_argument("--steps", type=int, default=2, help="steps, after one to warm up (default: 2)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--dtype", choices=DTYPES, help="precision of the tokenizer (default: the config's)")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Time the steps and print the table of their parts."""
    find_config(args.config)
    with libraries_loading():
        from mmmim.commands.work.cim_parts import measure
    measure(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
