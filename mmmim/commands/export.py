"""Write the encoder of a checkpoint as a plain file for other libraries, and check that its features agree there.

Encoders are ViT, BEiTViT, Swin, SwinV2, ResNet and your own. One that a library has no model for is refused with the
reason.

python tools/export.py work_dirs/ccmim/vit-b_800e/epoch_800.pth --to timm --out vit-b.pth
python tools/export.py CKPT --to torchvision --out resnet50.pth
python tools/export.py CKPT --to safetensors --out vit-b.safetensors
python tools/export.py CKPT --to mmpretrain --out vit-b_mmpretrain.pth
python tools/export.py FINETUNED.pth --to timm --with-head --out classifier.pth
python tools/export.py CKPT --to timm --out own.pth --custom-imports projects.convnext_encoder
python tools/export.py CKPT --to official --out simmim_swin-b.pth
"""

from __future__ import annotations

import argparse

from mmmim.called import as_called
from mmmim.commands.command_line import MODEL, OUTPUT, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("checkpoint", metavar="CKPT", help="written by tools/train.py")
    model = parser.group(MODEL)
    model.add_argument(
        "--with-head", action="store_true", help="the whole classifier of a fine-tuned checkpoint (timm, torchvision)"
    )
    model.add_argument(
        "--custom-imports", nargs="+", default=[], metavar="MODULE", help="modules that define an encoder of your own"
    )
    output = parser.group(OUTPUT)
    output.add_argument(
        "--to",
        required=True,
        choices=("timm", "torchvision", "safetensors", "mmpretrain", "official", "mae", "beit", "simmim"),
        help="parameter names and file format; torchvision: ResNet only; official: mae, beit or simmim, whichever "
        "authors' code has such an encoder",
    )
    output.add_argument("--out", required=True, metavar="FILE", help="the file to write")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Write the exported file, and print how well its features agree and how to load it."""
    check_output("--out", args.out)
    with libraries_loading():
        from mmmim.interop.export import TOLERANCE, export, read_encoder
    encoder = read_encoder(args.checkpoint, args.custom_imports)
    usage, difference = export(encoder, args.to, args.out, args.with_head)
    print(f"encoder of {len(encoder.state)} tensors written to {args.out}")
    compared = "logits" if args.with_head else "token features"
    print(f"{compared} of 2 random images differ by at most {difference:.1e} (limit {TOLERANCE:.0e})")
    print(f"\n{as_called(usage)}")


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
