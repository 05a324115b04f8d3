"""k-NN accuracy of a pre-trained encoder: cosine similarity, votes weighted with exp(similarity / 0.07).

    python tools/knn.py CONFIG CKPT --random-init
    python tools/knn.py CONFIG CKPT --data DIR --k 10 20

CKPT is a .pth file, the work directory of a run (its newest checkpoint), or none for the untrained encoder alone.
"""

from __future__ import annotations

import argparse

from mmmim.commands.command_line import RUN
from mmmim.commands.evaluation import check, make_parser
from mmmim.commands.running import libraries_loading, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = make_parser(__doc__)
    knn = parser.group(RUN)
    knn.add_argument("--k", type=int, nargs="+", help="neighbours (default: 10 20 100 200, up to all images)")
    knn.add_argument("--temperature", type=float, default=0.07, help="of the votes' weights (default: 0.07)")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Print and write the accuracies of the k-NN classifier."""
    check(args)
    with libraries_loading():
        from mmmim.commands.work.knn import measure
    measure(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
