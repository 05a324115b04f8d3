"""Train any config of the project: pre-training, probing, fine-tuning, MMSegmentation, MMDetection.

python tools/train.py configs/ccmim/vit-tiny_toy.py
python tools/train.py configs/ccmim/vit-b_800e.py --dry-run --world-size 32
python tools/train.py configs/ccmim/vit-tiny_toy.py --data DIR --epochs 20
python tools/train.py configs/ccmim/vit-tiny_toy.py --knn toy --rankme --pictures
"""

from __future__ import annotations

import argparse

from mmmim.commands.command_line import DATA, MODEL, OUTPUT, RUN, WATCH, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.config.find import find_config


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_config()
    data = parser.group(DATA)
    data.add_argument(
        "--data", metavar="DIR", help="folder of images, labelled or not; pack, ZIP, WebDataset, Hugging Face datasets"
    )
    model = parser.group(MODEL)
    model.add_argument("--checkpoint", metavar="CKPT", help="pre-trained backbone, or none for random weights")
    model.add_argument("--amp", choices=("bf16", "fp16", "off"), help="precision of the step (default: the config's)")
    model.add_argument("--compile", action="store_true", help="compile the blocks of the model with torch.compile")
    run = parser.group(RUN)
    length = run.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, metavar="N", help="length of the run; the lr schedule stretches with it")
    length.add_argument("--iters", type=int, metavar="N", help="the same for configs that count iterations")
    run.add_argument("--accumulate", type=int, metavar="N", help="batches per optimizer update")
    run.add_argument(
        "--resume", nargs="?", const="latest", metavar="CKPT|auto",
        help="continue from CKPT (default: the newest of the work directory); auto: the same, or start anew",
    )  # fmt: skip
    watch = parser.group(WATCH)
    watch.add_argument("--knn", metavar="DIR", help="log the k-NN accuracy on DIR, a folder of class folders, or toy")
    watch.add_argument("--probe", metavar="DIR", help="log the accuracy of a linear probe on DIR")
    watch.add_argument("--rankme", action="store_true", help="log the rank of the features, which needs no labels")
    watch.add_argument("--pictures", action="store_true", help="draw what the model reconstructs")
    watch.add_argument(
        "--monitor-interval", type=int, metavar="N", help="epochs between two of these (default: a tenth of the run)"
    )
    watch.add_argument(
        "--monitor-images", type=int, metavar="N",
        help="images of the bank of k-NN and probe, and of rankme; half as many are queries (default: 2000, and fewer "
        "in short runs)",
    )  # fmt: skip
    parser.add_cfg_options()
    run.add_argument("--dry-run", action="store_true", help="build everything, print the plan, train nothing")
    run.add_argument("--world-size", type=int, metavar="N", help="processes to plan for, with --dry-run")
    parser.add_work_dir()
    output = parser.group(OUTPUT)
    output.add_argument(
        "--log", action="append", default=[], choices=("tensorboard", "wandb", "mlflow"),
        help="show the run there as well; may be repeated",
    )  # fmt: skip
    output.add_argument(
        "--overwrite", action="store_true", help="delete the checkpoints of an unfinished run in the work directory"
    )
    parser.add_launcher()
    args = parser.parse_args(argv)
    if args.world_size is not None and not args.dry_run:
        parser.error("--world-size plans a run with --dry-run; to start processes use tools/dist_train.sh CONFIG GPUS")
    if args.world_size is not None and args.world_size < 1:
        parser.error(f"--world-size {args.world_size}: at least 1 process")
    return args


def run(args: argparse.Namespace) -> None:
    """Train, or print the plan of the training with ``--dry-run``."""
    find_config(args.config)
    check_output("--work-dir", args.work_dir, folder=True)
    with libraries_loading():
        from mmmim.commands.work.train import train
    train(args)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
