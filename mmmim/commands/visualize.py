"""Pictures of pre-training; everything is drawn without a display.

    python tools/visualize.py reconstruction CONFIG CKPT --images DIR --out rec.png
    python tools/visualize.py masks CONFIG CKPT [CKPT ...] --strategy importance_sampling importance --out masks.png
    python tools/visualize.py recovery RUN [RUN ...] --masks own most object --out recovery.png
    python tools/visualize.py degradations CONFIG [CONFIG ...] --out degradations.png
    python tools/visualize.py tasks RUN [RUN ...] --mse-images DIR --out tasks.png
    python tools/visualize.py attention CONFIG CKPT [CKPT ...] --images DIR --out attention.png
    python tools/visualize.py corruption CONFIG CKPT --samples 4 --out corruption.png
    python tools/visualize.py enhancement CONFIG CKPT --images DIR --out enhancement.png
    python tools/visualize.py templates --kinds patch window_joint --out templates.png
    python tools/visualize.py losses RUN [RUN ...] --out losses.png

CKPT is a .pth file or the work directory of a run (its newest checkpoint), RUN a work directory (for losses also a
scalars.json). Each picture is a module of mmmim.visualization that defines its options and draws it.
"""

from __future__ import annotations

import argparse

from mmmim.commands.running import run_tool
from mmmim.visualization import (
    attention,
    corruption,
    curves,
    degradations,
    enhancement,
    masks,
    reconstruction,
    recovery,
    tasks,
    templates,
)

PICTURES = dict(
    reconstruction=reconstruction,
    masks=masks,
    recovery=recovery,
    degradations=degradations,
    tasks=tasks,
    attention=attention,
    corruption=corruption,
    enhancement=enhancement,
    templates=templates,
    losses=curves,
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pictures = parser.add_subparsers(dest="picture", required=True)
    for name, module in PICTURES.items():
        module.add_arguments(pictures.add_parser(name, help=module.HELP))
    return parser.parse_args(argv)


def draw(args: argparse.Namespace) -> None:
    """Draw the chosen picture and print the name of its file."""
    print(f"wrote {PICTURES[args.picture].draw(args)}")


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(draw, parse_args(argv))
