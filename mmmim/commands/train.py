"""Train any config of the project: pre-training, probing, fine-tuning, MMSegmentation, MMDetection.

python tools/train.py configs/ccmim/vit-tiny_toy.py
python tools/train.py configs/ccmim/vit-b_800e.py --dry-run --world-size 32
python tools/train.py configs/ccmim/vit-tiny_toy.py --data DIR --epochs 20
"""

from __future__ import annotations

import argparse

from mmengine.config import DictAction


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of images, labelled or not; pack, ZIP, WebDataset, Hugging Face datasets"
    )
    parser.add_argument("--checkpoint", metavar="CKPT", help="pre-trained backbone, or none for random weights")
    parser.add_argument("--work-dir", metavar="DIR", help="default: work_dirs/ and the config's path below configs/")
    parser.add_argument(
        "--resume", nargs="?", const="latest", metavar="CKPT|auto",
        help="continue from CKPT (default: the newest of the work directory); auto: the same, or start anew",
    )  # fmt: skip
    parser.add_argument(
        "--overwrite", action="store_true", help="delete the checkpoints of an unfinished run in the work directory"
    )
    parser.add_argument("--amp", choices=("bf16", "fp16", "off"), help="precision of the step (default: the config's)")
    parser.add_argument("--accumulate", type=int, metavar="N", help="batches per optimizer update")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, metavar="N", help="length of the run; the lr schedule stretches with it")
    length.add_argument("--iters", type=int, metavar="N", help="the same for configs that count iterations")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, default={}, metavar="KEY=VALUE")
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm"), default="none")
    parser.add_argument("--dry-run", action="store_true", help="build everything, print the plan, train nothing")
    parser.add_argument("--world-size", type=int, metavar="N", help="processes to plan for, with --dry-run")
    parser.add_argument("--local-rank", type=int, help=argparse.SUPPRESS)  # given by older torch launchers
    args = parser.parse_args(argv)
    if args.world_size is not None and not args.dry_run:
        parser.error("--world-size plans a run with --dry-run; to start processes use tools/dist_train.sh CONFIG GPUS")
    if args.world_size is not None and args.world_size < 1:
        parser.error(f"--world-size {args.world_size}: at least 1 process")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(argv)
    from mmmim.commands.run import train
    from mmmim.commands.running import run_tool

    return run_tool(train, args)
