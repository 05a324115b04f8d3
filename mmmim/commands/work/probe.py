"""The work of ``tools/probe.py``."""

from __future__ import annotations

import argparse
from statistics import mean, pstdev
from typing import Any

from mmmim.commands.work.evaluation import evaluate
from mmmim.evaluation.probe import linear_probe


def measure(args: argparse.Namespace) -> None:
    """Print and write the accuracy of the linear probe."""

    def measure(evaluation: Any, checkpoint: Any) -> dict[str, Any]:
        accuracies: list[float] = []
        for seed in range(args.seed, args.seed + args.seeds):
            if not accuracies or checkpoint is None:
                train, test = evaluation.features(checkpoint, seed)
            accuracies.append(linear_probe(train.x, train.y, test.x, test.y, seed))
        spread = f" ± {pstdev(accuracies):.2f} over {args.seeds} seeds" if args.seeds > 1 else ""
        print(f"{'random init' if checkpoint is None else checkpoint}: top-1 {mean(accuracies):.2f}{spread}")
        return dict(top1=mean(accuracies), by_seed=accuracies)

    evaluate(args, "probe", measure)
