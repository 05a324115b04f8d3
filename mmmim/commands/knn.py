"""k-NN accuracy of a pre-trained encoder: cosine similarity, votes weighted with exp(similarity / 0.07).

    python tools/knn.py CONFIG CKPT --random-init
    python tools/knn.py CONFIG CKPT --data DIR --k 10 20

CKPT is a .pth file, the work directory of a run (its newest checkpoint), or none for the untrained encoder alone.
"""

from __future__ import annotations

import argparse
from typing import Any

from mmmim.commands.evaluation import evaluate, make_parser
from mmmim.commands.running import run_tool
from mmmim.evaluation.knn import DEFAULT_K, choose_k, fitting_k, knn_accuracy


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--k", type=int, nargs="+", help=f"neighbours (default: {' '.join(map(str, DEFAULT_K))}, up to all images)"
    )
    parser.add_argument("--temperature", type=float, default=0.07)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(argv)

    def measure(evaluation: Any, checkpoint: Any) -> dict[str, Any]:
        ks = choose_k(args.k, len(evaluation.datasets[0]))  # before the features, whose extraction can take an hour
        train, test = evaluation.features(checkpoint, args.seed)
        ks = fitting_k(ks, len(train.x))  # smaller where files could not be read
        on_device = [each.to(evaluation.device) for each in (*train, *test)]
        accuracy = knn_accuracy(*on_device, k=ks, temperature=args.temperature, show_progress=True)
        values = ", ".join(f"k={k}: {value:.2f}" for k, value in accuracy.items())
        print(f"{'random init' if checkpoint is None else checkpoint}: top-1 {values}")
        return {f"k{k}": value for k, value in accuracy.items()}

    return run_tool(evaluate, args, "knn", measure)
