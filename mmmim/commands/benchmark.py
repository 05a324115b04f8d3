"""Cost of a pre-training step compared with the same method of mmpretrain: time, FLOPs, memory for the backward pass.

    python tools/analysis/benchmark.py simmim_swin-b --batch 4 --steps 6 --threads 1
    python tools/analysis/benchmark.py mae_vit-b --batch 8 --steps 6 --threads 1 --out work_dirs/benchmark/mae.json

Both sides train from their own published configs, in fp32 on the CPU, on the same images from memory, each in a
complete MMEngine runner. They take turns of a few steps, so that other load on the machine affects both alike.

mmpretrain is not a dependency: where it is missing, the tool says how to install it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmmim.commands.command_line import CommandParser
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.plan.peer import PAIRS


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("pair", choices=PAIRS)
    parser.add_argument("--batch", type=int, default=4, metavar="N", help="images per step (default: 4)")
    parser.add_argument("--steps", type=int, default=12, metavar="N", help="timed steps of each side (default: 12)")
    parser.add_argument("--warmup", type=int, default=1, metavar="N", help="steps before these (default: 1)")
    parser.add_argument("--block", type=int, default=1, metavar="N", help="steps of a turn (default: 1)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of PyTorch (default: 1)")
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    args = parser.parse_args(argv)
    if min(args.batch, args.steps, args.warmup, args.block, args.threads) < 1 or args.steps % args.block:
        parser.error("--batch, --steps, --warmup, --block, --threads: at least 1, and --steps a multiple of --block")
    return args


def run(args: argparse.Namespace) -> None:
    """Train both sides in turns, print the comparison and write it to ``--out``."""
    with libraries_loading():
        from mmmim.commands.work.benchmark import measure
    measure(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
