"""List the shipped models: their method, backbone, length, results and weights.

python tools/list_models.py
python tools/list_models.py "*/vit-b*" --method mae
python tools/list_models.py "mae/*" --json
python tools/list_models.py --pretrained
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from mmmim.called import as_called
from mmmim.commands.command_line import CommandParser
from mmmim.commands.running import run_tool
from mmmim.errors import UsageError, did_you_mean, one_of

if TYPE_CHECKING:
    from mmmim.apis.zoo import ZooModel

HEADER = ("config", "method", "backbone", "epochs", "weights", "results")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="*", help="with * and ?, such as 'simmim/swin-*' (default: all)")
    parser.add_argument("--method", help="only this one, such as mae or 'Beyond Masking'")
    parser.add_argument("--pretrained", action="store_true", help="only models with published weights")
    parser.add_argument("--json", action="store_true", help="print everything that is known of them, as JSON")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Print the models that match the pattern."""
    from mmmim.apis.zoo import list_models, zoo

    matching = list_models(args.pattern)
    if not matching:
        raise UsageError(f"no model matches {args.pattern!r}{did_you_mean(args.pattern, list_models())}")
    found = [model for model in zoo() if model.name in matching]
    if args.method is not None:
        folder = args.method.lower().replace(" ", "_")
        one_of("--method", folder, sorted({model.name.partition("/")[0] for model in zoo()}))
        found = [model for model in found if model.name.startswith(f"{folder}/")]
    if args.pretrained:
        found = [model for model in found if model.weights is not None]
    if args.json:
        print(json.dumps([model.as_dict() for model in found], indent=2))
        return
    print_table(found)
    if args.pretrained and not found:
        print("no weights of these models are published yet")
    print(
        as_called(f"{len(found)} models; mmmim.get_model(NAME) builds an encoder, python tools/train.py NAME trains it")
    )


def print_table(models: list[ZooModel]) -> None:
    """Print a row for each model; results are those of the authors (published) or measured with mmmim (ours)."""
    rows = [HEADER, *map(_row, models)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if models else []:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(model: ZooModel) -> tuple[str, ...]:
    weights = "no" if model.weights is None else f"yes, {model.weights.size / 1e6:,.1f} MB, {model.weights.licence}"
    epochs = "toy" if model.epochs is None else str(model.epochs)
    return model.name, model.method, model.backbone, epochs, weights, model.figures()


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
