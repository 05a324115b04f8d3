"""Evaluate a checkpoint with the test set and metrics of its config.

python tools/test.py configs/ccmim/downstream/linear_vit-tiny_toy.py CKPT --out metrics.json
python tools/test.py configs/ccmim/downstream/upernet_vit-b_160k_ade20k.py CKPT --tta
"""

from __future__ import annotations

import argparse

from mmengine.config import DictAction


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("checkpoint", help="written by a run of this config")
    parser.add_argument("--data", metavar="DIR", help="folder with one sub-folder per class, pack, ...")
    parser.add_argument(
        "--out", metavar="FILE.json", help="default: test_metrics.json (or _tta.json) in the work directory"
    )
    parser.add_argument("--tta", action="store_true", help="use the config's test-time augmentation (several scales)")
    parser.add_argument("--work-dir", metavar="DIR", help="default: work_dirs/ and the config's path below configs/")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, default={}, metavar="KEY=VALUE")
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm"), default="none")
    parser.add_argument("--local-rank", type=int, help=argparse.SUPPRESS)  # given by older torch launchers
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(argv)
    from mmmim.commands.run import test
    from mmmim.commands.running import run_tool

    return run_tool(test, args)
