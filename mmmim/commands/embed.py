"""Write the features of all images of a folder as a table, for search, clustering or a classifier of your own.

python tools/embed.py work_dirs/mae/vit-tiny_toy --data DIR --out features.parquet
python tools/embed.py CKPT.pth --data DIR --out features.npz --picture neighbours.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmmim.commands.command_line import DATA, MACHINE, MODEL, OUTPUT, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.running import libraries_loading, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("checkpoint", metavar="CKPT", help="checkpoint of mmmim, or the folder of a run")
    data = parser.group(DATA)
    data.add_argument("--data", required=True, metavar="DIR", help="folder of images, pack, ZIP, ...")
    data.add_argument("--crop-ratio", type=float, help="default: 0.875, or 1 below 128 pixels")
    features = parser.group(MODEL)
    features.add_argument("--pool", choices=("avg", "cls"), help="mean over the patches or class token (default: avg)")
    features.add_argument(
        "--custom-imports", nargs="+", default=[], metavar="MODULE", help="modules that define an encoder of your own"
    )
    picture = parser.group("picture")
    picture.add_argument("--picture", metavar="FILE.png", help="draw images beside their nearest neighbours")
    picture.add_argument("--num", type=int, default=8, help="images in the picture (default: 8)")
    picture.add_argument("--neighbours", type=int, default=6, metavar="K", help="of each (default: 6)")
    speed = parser.group(MACHINE)
    speed.add_argument("--batch-size", type=int, help="images at a time (default: 32 on a CPU, otherwise 256)")
    speed.add_argument("--workers", type=int, help="processes that read images (default: one per core)")
    speed.add_argument("--device", help="default: cuda where there is one, otherwise cpu")
    speed.add_argument("--amp", action="store_true", help="run the encoder in bfloat16: faster, less exact")
    output = parser.group(OUTPUT)
    output.add_argument("--out", required=True, metavar="FILE", help=".npz, or .parquet (needs pyarrow)")
    output.add_argument("--no-cache", action="store_true", help="compute all features, and keep none")
    args = parser.parse_args(argv)
    if not args.out.endswith((".npz", ".parquet")):
        parser.error(f"--out {args.out}: must end in .npz or .parquet")
    for name in ("num", "neighbours"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} {getattr(args, name)}: at least 1")
    return args


def run(args: argparse.Namespace) -> None:
    """Write the table, and the picture if it is wanted."""
    check_output("--out", args.out)
    check_output("--picture", args.picture)
    with libraries_loading():
        from mmmim.apis.embedding import check_table, embed
        from mmmim.apis.neighbours import draw_neighbours
    file = check_table(args.out)
    file.parent.mkdir(parents=True, exist_ok=True)
    table = embed(
        args.checkpoint,
        args.data,
        pool=args.pool,
        crop_ratio=args.crop_ratio,
        batch_size=args.batch_size,
        workers=args.workers,
        device=args.device,
        amp=args.amp,
        cache=not args.no_cache,
        custom_imports=args.custom_imports,
    )
    table.save(file)
    print(f"wrote {file}: {len(table):,} images, {table.features.shape[1]} features each")
    if args.picture:
        Path(args.picture).parent.mkdir(parents=True, exist_ok=True)
        print(f"wrote {draw_neighbours(table, args.data, args.picture, num=args.num, k=args.neighbours)}")


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
