"""Linear probe of a pre-trained encoder: logistic regression on frozen, standardised features, no training run.

    python tools/probe.py CONFIG CKPT --random-init
    python tools/probe.py CONFIG CKPT --data DIR --seeds 3

CKPT is a .pth file, the work directory of a run (its newest checkpoint), or none for the untrained encoder alone.
A seed determines the hold-out set that chooses the regularisation, and the untrained encoder.
"""

from __future__ import annotations

import argparse

from mmmim.commands.command_line import RUN
from mmmim.commands.evaluation import check, make_parser
from mmmim.commands.running import libraries_loading, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = make_parser(__doc__)
    parser.group(RUN).add_argument("--seeds", type=int, default=1, help="number of seeds, from --seed on (default: 1)")
    args = parser.parse_args(argv)
    if args.seeds < 1:
        parser.error(f"--seeds: at least 1, got {args.seeds}")
    return args


def run(args: argparse.Namespace) -> None:
    """Print and write the accuracy of the linear probe."""
    check(args)
    with libraries_loading():
        from mmmim.commands.work.probe import measure
    measure(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
