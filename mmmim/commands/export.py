"""Write the encoder of a checkpoint for other libraries, and check that its features agree there.

Encoders are ViT, BEiTViT, Swin, SwinV2, ResNet and your own. One that a library has no model for is refused with the
reason. timm, transformers, onnx and torch-export write a folder with a model card; docs/export.md says how each is
opened.

python tools/export.py work_dirs/mae/vit-b_800e --to timm --out vit-b
python tools/export.py CKPT --to transformers --out vit-b
python tools/export.py FINETUNED.pth --to transformers --with-head --out classifier
python tools/export.py UPERNET.pth --to onnx --with-head --out segmentor
python tools/export.py CKPT --to torch-export --out vit-b.pt2
python tools/export.py CKPT --to timm --out vit-b.pth
python tools/export.py CKPT --to torchvision --out resnet50.pth
python tools/export.py CKPT --to timm --out own --custom-imports projects.convnext_encoder
python tools/export.py CKPT --to official --out simmim_swin-b.pth
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmmim.called import as_called
from mmmim.commands.command_line import MODEL, OUTPUT, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool

TARGETS = (
    *("timm", "transformers", "onnx", "torch-export"),
    *("torchvision", "safetensors", "mmpretrain", "official", "mae", "beit", "simmim"),
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("checkpoint", metavar="CKPT", help="written by tools/train.py, or the work directory of a run")
    model = parser.group(MODEL)
    model.add_argument(
        "--with-head",
        action="store_true",
        help="the whole model: a fine-tuned or probed classifier (timm, transformers, onnx, torch-export, "
        "torchvision), UperNet (onnx, torch-export), MAE with its decoder (transformers)",
    )
    model.add_argument(
        "--custom-imports", nargs="+", default=[], metavar="MODULE", help="modules that define an encoder of your own"
    )
    output = parser.group(OUTPUT)
    output.add_argument(
        "--to",
        required=True,
        choices=TARGETS,
        metavar="TARGET",
        help=f"{', '.join(TARGETS)}; torchvision: ResNet only; official: mae, beit or simmim, whichever authors' code "
        "has such an encoder",
    )
    output.add_argument(
        "--out",
        required=True,
        metavar="FOLDER",
        help="a new folder; or a file, .pth or .safetensors of timm, .onnx, .pt2, and .pth of the others",
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Write the export, and print how well its features agree and how to load it."""
    check_output("--out", args.out, folder=Path(args.out).is_dir())  # the target says whether it has to be one
    with libraries_loading():
        from mmmim.interop.export import TARGETS, export, read_encoder
        from mmmim.visualization.sources import checkpoint_file
    encoder = read_encoder(checkpoint_file(args.checkpoint), args.custom_imports)
    usage, difference = export(encoder, args.to, args.out, args.with_head)
    print(f"encoder of {len(encoder.state)} tensors written to {args.out} (from {encoder.file})")
    compared = "outputs of the head" if args.with_head else "token features"
    print(f"{compared} of 2 random images differ by at most {difference:.1e} (limit {TARGETS[args.to].tolerance:.0e})")
    print(f"\n{as_called(usage)}")


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
