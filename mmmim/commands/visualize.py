"""Pictures of pre-training; everything is drawn without a display.

    python tools/visualize.py reconstruction CONFIG CKPT --data DIR --out rec.png
    python tools/visualize.py masks CONFIG CKPT [CKPT ...] --strategy importance_sampling importance --out masks.png
    python tools/visualize.py recovery RUN [RUN ...] --masks own most object --out recovery.png
    python tools/visualize.py degradations CONFIG [CONFIG ...] --out degradations.png
    python tools/visualize.py tasks RUN [RUN ...] --mse-data DIR --out tasks.png
    python tools/visualize.py attention CONFIG CKPT [CKPT ...] --data DIR --out attention.png
    python tools/visualize.py corruption CONFIG CKPT --samples 4 --out corruption.png
    python tools/visualize.py enhancement CONFIG CKPT --data DIR --out enhancement.png
    python tools/visualize.py templates --kinds patch window_joint --out templates.png
    python tools/visualize.py losses RUN [RUN ...] --out losses.png

CKPT is a .pth file or the work directory of a run (its newest checkpoint), RUN a work directory (for losses also a
scalars.json). Each picture is drawn by a module of mmmim.visualization.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from mmmim.commands.command_line import OUTPUT, CommandParser
from mmmim.commands.output import check_output
from mmmim.commands.pictures import PICTURES
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.config.find import find_config


def example(picture: str) -> str:
    """Return the line of this module's docstring that draws the picture."""
    return next(line.strip() for line in (__doc__ or "").splitlines() if f"visualize.py {picture} " in line)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    pictures = parser.add_subparsers(dest="picture", required=True)
    for name, picture in PICTURES.items():
        text = f"{picture.help}\n\n{example(name)}"
        options = pictures.add_parser(name, help=picture.help, description=text)
        picture.add_options(options)
        options.group(OUTPUT).add_argument("--out", required=True, metavar="FILE.png", help="the picture to write")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Draw the chosen picture and print the name of its file."""
    check_output("--out", args.out)
    for config in (*vars(args).get("configs", ()), *filter(None, [vars(args).get("config")])):
        find_config(config)
    with libraries_loading():
        module = import_module(f"mmmim.visualization.{PICTURES[args.picture].module}")
    print(f"wrote {module.draw(args)}")


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
