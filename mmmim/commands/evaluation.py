from __future__ import annotations

import argparse

from mmmim.commands.command_line import DATA, MACHINE, MODEL, OUTPUT, CommandParser
from mmmim.commands.output import check_output
from mmmim.config.find import find_config


def make_parser(description: str | None) -> CommandParser:
    """Return a parser with the options that ``tools/knn.py`` and ``tools/probe.py`` both have."""
    parser = CommandParser(description=description)
    parser.add_config(help="path or name of the pre-training run's config, or of a classifier's")
    parser.add_argument("checkpoint", metavar="CKPT", help=".pth file, work directory of a run, or none")
    data = parser.group(DATA)
    data.add_argument("--data", metavar="DIR", help="labelled folder, pack, ... (default: the config's data)")
    data.add_argument(
        "--crop-ratio", type=float, help="default: as the config's val_dataloader, else 0.875, or 1 below 128 pixels"
    )
    data.add_argument(
        "--num-test", type=int, help="toy data: number of test images (default: val_dataloader's, or 1024)"
    )
    model = parser.group(MODEL)
    model.add_argument("--random-init", action="store_true", help="also evaluate the untrained encoder")
    model.add_argument(
        "--pool",
        choices=("avg", "cls"),
        help="feature of an image (default: as a classifier's config says, otherwise avg)",
    )
    model.add_argument("--seed", type=int, default=0, help="seed of the untrained encoder (default: 0)")
    parser.add_cfg_options()
    machine = parser.group(MACHINE)
    machine.add_argument("--device", help="default: cuda where there is one, otherwise cpu")
    machine.add_argument("--amp", action="store_true", help="run the encoder in bfloat16: faster, less exact")
    machine.add_argument("--batch-size", type=int, help="images at a time (default: 32 on a CPU, otherwise 256)")
    machine.add_argument(
        "--workers",
        type=int,
        help="processes that read images, and on a CPU encode them (default: one per core)",
    )
    output = parser.group(OUTPUT)
    output.add_argument("--out", metavar="FILE.json", help="default: beside the checkpoint, or in work_dirs/CONFIG")
    output.add_argument("--cache", metavar="DIR", help="where features are kept (default: ~/.cache/mmmim/features)")
    output.add_argument("--no-cache", action="store_true", help="compute all features, and keep none")
    return parser


def check(args: argparse.Namespace) -> None:
    """Refuse a config that does not exist and a result that cannot be written, before anything is computed."""
    find_config(args.config)
    check_output("--out", args.out)
    check_output("--cache", args.cache, folder=True)
