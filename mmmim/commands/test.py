"""Evaluate a checkpoint with the test set and metrics of its config.

python tools/test.py configs/ccmim/downstream/linear_vit-tiny_toy.py CKPT --out metrics.json
python tools/test.py configs/ccmim/downstream/upernet_vit-b_160k_ade20k.py CKPT --tta
"""

from __future__ import annotations

import argparse

from mmmim.commands.command_line import DATA, OUTPUT, RUN, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.config.find import find_config


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_config()
    parser.add_argument("checkpoint", metavar="CKPT", help="written by a run of this config")
    parser.group(DATA).add_argument("--data", metavar="DIR", help="folder with one sub-folder per class, pack, ...")
    parser.group(RUN).add_argument(
        "--tta", action="store_true", help="use the config's test-time augmentation (several scales)"
    )
    parser.add_cfg_options()
    parser.group(OUTPUT).add_argument(
        "--out", metavar="FILE.json", help="default: test_metrics.json (or _tta.json) in the work directory"
    )
    parser.add_work_dir()
    parser.add_launcher()
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Evaluate a checkpoint, print the metrics and write them as JSON."""
    find_config(args.config)
    check_output("--out", args.out)
    check_output("--work-dir", args.work_dir, folder=True)
    with libraries_loading():
        from mmmim.commands.work.test import test
    test(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
