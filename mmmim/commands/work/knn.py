"""The work of ``tools/knn.py``."""

from __future__ import annotations

import argparse
from typing import Any

from mmmim.commands.work.evaluation import evaluate
from mmmim.evaluation.knn import choose_k, fitting_k, knn_accuracy


def measure(args: argparse.Namespace) -> None:
    """Print and write the accuracies of the k-NN classifier."""

    def measure(evaluation: Any, checkpoint: Any) -> dict[str, Any]:
        ks = choose_k(args.k, len(evaluation.datasets[0]))  # before the features, whose extraction can take an hour
        train, test = evaluation.features(checkpoint, args.seed)
        ks = fitting_k(ks, len(train.x))  # smaller where files could not be read
        on_device = [each.to(evaluation.device) for each in (*train, *test)]
        accuracy = knn_accuracy(*on_device, k=ks, temperature=args.temperature, show_progress=True)
        values = ", ".join(f"k={k}: {value:.2f}" for k, value in accuracy.items())
        print(f"{'random init' if checkpoint is None else checkpoint}: top-1 {values}")
        return {f"k{k}": value for k, value in accuracy.items()}

    evaluate(args, "knn", measure)
