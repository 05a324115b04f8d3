from __future__ import annotations

from mmmim.commands.command_line import CommandParser


def make_parser(description: str | None) -> CommandParser:
    """Return a parser with the options that ``tools/knn.py`` and ``tools/probe.py`` both have."""
    parser = CommandParser(description=description)
    parser.add_argument("config", help="config of the pre-training run, or of a classifier")
    parser.add_argument("checkpoint", metavar="CKPT", help=".pth file, work directory of a run, or none")
    parser.add_argument("--data", metavar="DIR", help="labelled folder, pack, ... (default: the config's data)")
    parser.add_argument("--random-init", action="store_true", help="also evaluate the untrained encoder")
    parser.add_argument(
        "--pool",
        choices=("avg", "cls"),
        help="feature of an image (default: as a classifier's config says, otherwise avg)",
    )
    parser.add_argument(
        "--crop-ratio", type=float, help="default: as the config's val_dataloader, else 0.875, or 1 below 128 pixels"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the untrained encoder (default: 0)")
    parser.add_argument("--batch-size", type=int, help="images at a time (default: 32 on a CPU, otherwise 256)")
    parser.add_argument(
        "--workers",
        type=int,
        help="processes that read images, and on a CPU encode them (default: one per core)",
    )
    parser.add_argument("--amp", action="store_true", help="run the encoder in bfloat16: faster, less exact")
    parser.add_argument("--cache", metavar="DIR", help="where features are kept (default: ~/.cache/mmmim/features)")
    parser.add_argument("--no-cache", action="store_true", help="compute all features, and keep none")
    parser.add_argument(
        "--num-test", type=int, help="toy data: number of test images (default: val_dataloader's, or 1024)"
    )
    parser.add_argument("--device", help="default: cuda where there is one, otherwise cpu")
    parser.add_argument("--out", metavar="FILE.json", help="default: beside the checkpoint, or in work_dirs/CONFIG")
    parser.add_cfg_options()
    return parser
