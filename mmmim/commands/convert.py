"""Write a published checkpoint, given as a local file, as a checkpoint of mmmim.

Pickled code is never run: files are read with weights_only=True, and refused where that does not suffice.

python tools/convert.py mae_pretrain_vit_base.pth --out mae_vit-b.pth
python tools/convert.py FILE --out CKPT.pth --from mmpretrain
python tools/convert.py dino.pth --out CKPT.pth --prefix teacher
python tools/convert.py FILE.safetensors --out CKPT.pth --num-heads 6 --img-size 192 384
"""

from __future__ import annotations

import argparse

from mmmim.called import as_called
from mmmim.commands.command_line import MODEL, OUTPUT, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.errors import UsageError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("file", metavar="FILE", help=".pth, .pt, .bin or .safetensors; nothing is downloaded")
    model = parser.group(MODEL)
    model.add_argument(
        "--from",
        dest="layout",
        metavar="NAME",
        help="mae, beit, conmim, simmim or mmpretrain (default: recognised by the names of the tensors)",
    )
    model.add_argument("--prefix", metavar="NAME", help="model to take from a file that holds several, such as teacher")
    model.add_argument(
        "--num-heads", type=int, metavar="N", help="number of heads of a ViT whose width is not a published one"
    )
    model.add_argument(
        "--img-size", type=int, nargs="+", metavar="N", help="height and width, where images were not square"
    )
    model.add_argument(
        "--window-size", type=int, metavar="N", help="window of a SwinV2 in tokens (default: pixels / 16)"
    )
    parser.group(OUTPUT).add_argument("--out", required=True, metavar="CKPT.pth", help="the checkpoint to write")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Convert the file and print what was written, what was left out, and what to run next."""
    size = args.img_size
    if size is not None and (len(size) > 2 or min(size) < 1):
        raise UsageError(f"--img-size {' '.join(map(str, size))}: give one or two positive numbers, H W")
    for option in ("num_heads", "window_size"):
        value = getattr(args, option)
        if value is not None and value < 1:
            raise UsageError(f"--{option.replace('_', '-')} {value}: must be at least 1")
    check_output("--out", args.out)
    with libraries_loading():
        from mmmim.interop.convert import Choices, convert_file, follow_up
    choices = Choices(args.num_heads, None if size is None else (size[0], size[-1]), args.window_size)
    source, converted = convert_file(args.file, args.out, args.layout, choices, args.prefix)

    print(f"layout {converted.layout}{'' if args.layout else ' (recognised)'}")
    if source.prefix.count(".") > 1 or args.prefix:
        print(f"names below {source.prefix.rstrip('.')}")
    print(f"encoder: {converted.describe()}")
    print(f"{len(converted.state)} of {len(source.state)} tensors written to {args.out}: {converted.contents()}")
    for reason, names in converted.left_out_by_reason().items():
        print(f"left out, {reason}: {', '.join(names)}")
    if converted.note:
        print(f"note: {converted.note}")
    if source.not_read:
        print(f"not carried over: {', '.join(source.not_read)}")
    print("\nnext:\n" + "\n".join(f"  {as_called(line)}" for line in follow_up(converted, args.out)))


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
