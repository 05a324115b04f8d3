"""Measure data, training steps, start-up and evaluation on this machine, also in turns with mmpretrain.

python tools/benchmark.py data --data DIR --peer mmpretrain
python tools/benchmark.py step mae/vit-b_800e.py --batch-size 8 --peer mmpretrain --out work_dirs/benchmark/mae.json
python tools/benchmark.py step mae/vit-b_800e.py --variants bf16 bf16-compile --batch-size 256
python tools/benchmark.py startup
python tools/benchmark.py eval --num 2000

Figures are CPU seconds and their median over rounds in which all contenders take turns, so that other load on the
machine affects them alike. docs/performance.md explains them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmmim.commands.command_line import CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import run_tool
from mmmim.config.find import find_config

NAMES = dict(images="num", batch="batch-size")
PEERS = ("mmpretrain",)
VARIANTS = ("fp32", "bf16", "fp16", "fp32-compile", "bf16-compile", "fp16-compile")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="{data,step,startup,eval,page}")
    data = kinds.add_parser("data", help="images that a core reads, decodes and crops in a second")
    data.add_config("--config", default="mae/vit-b_800e.py", help="its training transforms are used (default: MAE's)")
    data.add_argument("--data", metavar="DIR", help="folder of photographs (default: generated ones)")
    data.add_argument(
        "--num", dest="images", type=int, default=300, metavar="N", help="images in a round (default: 300)"
    )
    data.add_argument("--rounds", type=int, default=5, metavar="N", help="measured rounds (default: 5)")
    data.add_argument("--no-packs", action="store_true", help="leave out packed images")
    step = kinds.add_parser("step", help="a training step: time, FLOPs, memory")
    step.add_config(nargs="?", default="mae/vit-b_800e.py", help="path or name (default: mae/vit-b_800e.py)")
    step.add_argument("--variants", nargs="+", choices=VARIANTS, default=["fp32"], help="default: fp32")
    step.add_argument("--batch-size", dest="batch", type=int, default=4, metavar="N", help="images a step (default: 4)")
    step.add_argument("--steps", type=int, default=12, metavar="N", help="measured steps (default: 12)")
    step.add_argument("--warmup", type=int, default=1, metavar="N", help="steps before these (default: 1)")
    step.add_argument("--block", type=int, default=1, metavar="N", help="steps in a turn (default: 1)")
    step.add_argument("--threads", type=int, default=1, metavar="N", help="of PyTorch (default: 1)")
    step.add_argument("--profile", action="store_true", help="list the kernels that take most of the time, too")
    startup = kinds.add_parser("startup", help="CPU seconds of imports, --help and the first training step")
    startup.add_argument("--rounds", type=int, default=3, metavar="N", help="measured rounds (default: 3)")
    evaluation = kinds.add_parser("eval", help="k-NN of an encoder, with and without stored features")
    evaluation.add_argument("--data", metavar="DIR", help="folder with classes (default: generated pictures)")
    evaluation.add_argument(
        "--num", dest="images", type=int, default=2000, metavar="N", help="generated pictures (default: 2000)"
    )
    for each in (data, evaluation):
        each.add_old_name("--images", "--num")
    kinds.add_parser("page", help="write the tables of docs/performance.md from the JSON files in docs/performance")
    for each in (data, step):
        each.add_argument("--peer", choices=PEERS, help="measure the same with mmpretrain in between")
    for each in (data, step, startup, evaluation):
        each.add_argument("--out", type=Path, metavar="FILE.json", help="write all figures")
    args = parser.parse_args(argv)
    for name in ("images", "rounds", "batch", "steps", "warmup", "block", "threads"):
        if getattr(args, name, 1) < 1:
            parser.error(f"--{NAMES.get(name, name)} {getattr(args, name)}: at least 1")
    if args.kind == "step" and args.steps % args.block:
        parser.error(f"--steps {args.steps} --block {args.block}: the steps are a multiple of those of a turn")
    return args


def run(args: argparse.Namespace) -> None:
    """Measure, print a table and write the figures to ``--out``."""
    check_output("--out", getattr(args, "out", None))
    if "config" in args:
        find_config(args.config)
    from mmmim.benchmark import kinds

    kinds.KINDS[args.kind](args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
