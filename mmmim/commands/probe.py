"""Linear probe of a pre-trained encoder: logistic regression on frozen, standardised features, no training run.

    python tools/probe.py CONFIG CKPT --random-init
    python tools/probe.py CONFIG CKPT --data DIR --seeds 3

CKPT is a .pth file, the work directory of a run (its newest checkpoint), or none for the untrained encoder alone.
A seed determines the hold-out set that chooses the regularisation, and the untrained encoder.
"""

from __future__ import annotations

import argparse
from statistics import mean, pstdev
from typing import Any

from mmmim.commands.evaluation import evaluate, make_parser
from mmmim.commands.running import run_tool
from mmmim.evaluation.probe import linear_probe


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from --seed on (default: 1)")
    args = parser.parse_args(argv)
    if args.seeds < 1:
        parser.error(f"--seeds: at least 1, got {args.seeds}")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(argv)

    def measure(evaluation: Any, checkpoint: Any) -> dict[str, Any]:
        accuracies: list[float] = []
        for seed in range(args.seed, args.seed + args.seeds):
            if not accuracies or checkpoint is None:
                train, test = evaluation.features(checkpoint, seed)
            accuracies.append(linear_probe(train.x, train.y, test.x, test.y, seed))
        spread = f" ± {pstdev(accuracies):.2f} over {args.seeds} seeds" if args.seeds > 1 else ""
        print(f"{'random init' if checkpoint is None else checkpoint}: top-1 {mean(accuracies):.2f}{spread}")
        return dict(top1=mean(accuracies), by_seed=accuracies)

    return run_tool(evaluate, args, "probe", measure)
