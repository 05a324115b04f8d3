"""List the shipped models: their method, length, results and weights.

python tools/list_models.py
python tools/list_models.py "mae/*" --json
python tools/list_models.py --pretrained
"""

from __future__ import annotations

import argparse
import json

from mmmim.called import as_called
from mmmim.commands.command_line import CommandParser
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.errors import UsageError, did_you_mean


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="*", help="with * and ?, such as 'simmim/swin-*' (default: all)")
    parser.add_argument("--pretrained", action="store_true", help="only models with published weights")
    parser.add_argument("--json", action="store_true", help="print everything that the metafiles say, as JSON")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Print the models that match the pattern."""
    with libraries_loading():
        from mmmim.apis.models import list_models
        from mmmim.apis.zoo import zoo
    names = list_models(args.pattern, args.pretrained)
    if not names and not args.pretrained:
        raise UsageError(f"no model matches {args.pattern!r}{did_you_mean(args.pattern, list_models())}")
    known = {model.name: model for model in zoo()}
    if args.json:
        print(json.dumps([known[name].as_dict() if name in known else dict(name=name) for name in names], indent=2))
        return
    width = max(map(len, names), default=0)
    for name in names:
        model = known.get(name)
        weights = "weights" if model is not None and model.weights is not None else "-"
        print(f"{name:{width}}  {weights:7}  {model.figures() if model is not None else ''}".rstrip())
    print(
        as_called(f"{len(names)} models; mmmim.get_model(NAME) builds an encoder, python tools/train.py NAME trains it")
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
