"""Measure the parts of a training step around the networks, in CPU seconds of this process.

    python tools/analysis/step_share.py configs/beyond_masking/vit-b_*_300e.py --batch-size 8 --steps 2
    python tools/analysis/step_share.py configs/conmim/vit-b_300e.py --batch-size 8 --steps 2

input: normalisation, views or degradation; mask: drawing it; loss: target, head and its backward pass; momentum: update
of a momentum encoder; optimizer: update of the weights. The rest is encoders, decoders and projectors.
"""

from __future__ import annotations

import argparse

from mmmim.commands.command_line import CommandParser
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.config.find import find_config


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_config("configs", nargs="+")
    parser.add_argument(
        "--batch-size", dest="batch", type=int, metavar="N", default=8, help="images per step (default: 8)"
    )
    parser.add_argument("--steps", type=int, default=3, help="steps, after one to warm up (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Time the steps of all configs and print the share of each part."""
    for config in args.configs:
        find_config(config)
    with libraries_loading():
        from mmmim.commands.work.step_share import measure
    measure(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
