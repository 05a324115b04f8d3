"""The pictures that ``tools/visualize.py`` draws, and the options of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mmmim.commands.command_line import DATA, MODEL, OUTPUT, CommandParser
from mmmim.visualization.options import KINDS, MASKS, STRATEGIES, TOY


def attention(parser: CommandParser) -> None:
    """Add the options of the picture."""
    parser.add_argument(
        "sources", nargs="+", metavar="CONFIG CKPT | RUN", help="checkpoints of the CONFIG before them, or work folders"
    )
    parser.add_argument("--block", type=int, default=-1, help="0-based, negative from the end (default: the last)")
    parser.add_argument("--heads", nargs="*", type=int, metavar="HEAD", help="also single heads (default: all of them)")
    parser.add_argument(
        "--random-init",
        dest="untrained",
        action="store_true",
        help="also the weights that --seed gives, of every config",
    )
    parser.add_old_name("--untrained", "--random-init")
    parser.add_argument("--overlay", action="store_true", help="draw the maps over the images")
    parser.add_argument("--upsample", choices=("nearest", "bicubic"), default="nearest", help="from patches to pixels")
    add_names(parser, "checkpoint", "its folder's and file's")
    add_images(parser, num=4)
    parser.add_cfg_options()


def corruption(parser: CommandParser) -> None:
    """Add the options of the picture."""
    add_config_and_checkpoint(parser)
    parser.add_argument("--samples", type=int, default=4, help="corrupted images of each original (default: 4)")
    add_images(parser, num=4)
    parser.add_cfg_options()


def degradations(parser: CommandParser) -> None:
    """Add the options of the picture."""
    parser.add_config("configs", nargs="+")
    add_names(parser, "config", "its degradation and masker")
    add_images(parser, num=4)
    parser.add_cfg_options()


def enhancement(parser: CommandParser) -> None:
    """Add the options of the picture."""
    add_config_and_checkpoint(parser)
    parser.add_argument("--template", action="store_true", help="also what a prediction of zeros looks like")
    add_images(parser, num=4)
    parser.add_cfg_options()


def losses(parser: CommandParser) -> None:
    """Add the options of the picture."""
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument(
        "--key", nargs="+", help="scalars to draw, with their axes side by side (default: loss_reconstruction, or loss)"
    )
    parser.add_argument("--by", choices=("epoch", "iter"), default="epoch")
    parser.add_argument("--title", default="")
    add_names(parser, "run", "its folder's")


def masks(parser: CommandParser) -> None:
    """Add the options of the picture."""
    parser.add_config()
    parser.add_argument("checkpoints", nargs="*", metavar="CKPT")
    parser.add_argument("--ratio", type=float, nargs="+", help="mask ratios, a group of rows each (default: CONFIG's)")
    parser.add_argument("--strategy", nargs="+", metavar="NAME", help=f"of {', '.join(STRATEGIES)} (default: CONFIG's)")
    parser.add_argument("--scores", action="store_true", help="add the score of every patch")
    parser.add_argument("--draws", type=int, default=0, help="add P(masked), averaged over so many draws (64)")
    parser.add_argument(
        "--no-random-init",
        dest="no_untrained",
        action="store_true",
        help="leave out the columns of the untrained weights",
    )
    parser.add_old_name("--no-untrained", "--no-random-init")
    add_images(parser)
    parser.add_cfg_options()


def reconstruction(parser: CommandParser) -> None:
    """Add the options of the picture."""
    add_config_and_checkpoint(parser)
    add_images(parser)
    parser.add_cfg_options()


def recovery(parser: CommandParser) -> None:
    """Add the options of the picture."""
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--masks", nargs="+", choices=MASKS, default=["own"], help="which areas to hide")
    parser.add_argument("--objects", default=TOY, metavar="DIR", help="masks of the objects in the images, 0 = ground")
    parser.add_argument("--whole", action="store_true", help="show the prediction of visible areas, too")
    add_names(parser, "run", "its folder's")
    add_images(parser, num=4)


def tasks(parser: CommandParser) -> None:
    """Add the options of the picture."""
    parser.add_argument("runs", nargs="+", metavar="RUN")
    add_names(parser, "run", "its folder's")
    add_images(parser, num=4)
    data = parser.group(DATA)
    data.add_argument(
        "--mse-data", dest="mse_images", metavar="DIR", help="images of the mean error (default: those of --data)"
    )
    parser.add_old_name("--mse-images", "--mse-data")
    data.add_argument("--mse-num", type=int, default=100, help="how many of them (default: 100; 0 leaves it out)")
    parser.group(OUTPUT).add_argument("--csv", metavar="FILE", help="write the mean errors there, too")


def templates(parser: CommandParser) -> None:
    """Add the options of the picture."""
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["patch", "window_joint"], help="of norm_pix")
    parser.add_argument("--window", type=int, default=8, help="pixels of a sliding window's side (default: 8)")
    parser.add_argument("--patch-size", type=int, default=16, help="pixels of a patch's side (default: 16)")
    parser.add_argument(
        "--img-size", dest="size", type=int, default=224, metavar="N", help="pixels of an image's side (default: 224)"
    )
    parser.add_old_name("--size", "--img-size")
    add_images(parser, num=2)


def add_config_and_checkpoint(parser: CommandParser) -> None:
    """Add the arguments CONFIG and CKPT."""
    parser.add_config()
    parser.add_argument("checkpoint", metavar="CKPT", help=".pth file, or work directory of a run")


def add_images(parser: CommandParser, num: int = 8) -> None:
    """Add the options that choose images and seed."""
    data = parser.group(DATA)
    data.add_argument(
        "--data", dest="images", default=TOY, metavar="DIR", help="image folder, or 'toy' for the built-in data"
    )
    data.add_argument("--num", type=int, default=num, help=f"number of images (default: {num})")
    parser.add_old_name("--images", "--data")
    parser.group(MODEL).add_argument(
        "--seed", type=int, default=0, help="of masks, degradations and untrained weights (default: 0)"
    )


def add_names(parser: CommandParser, what: str, default: str) -> None:
    """Add ``--names``, one name per ``what``; the help text says what is shown by default."""
    parser.add_argument("--names", nargs="+", help=f"one name per {what} (default: {default})")


class Picture(NamedTuple):
    """The module of ``mmmim.visualization`` that draws a picture, its line in the help, and its options."""

    module: str
    help: str
    add_options: Callable[[CommandParser], None]


PICTURES = dict(
    reconstruction=Picture("reconstruction", "original, input, reconstruction", reconstruction),
    masks=Picture("masks", "which patches are hidden, as training goes on", masks),
    recovery=Picture("recovery", "hidden areas as several runs recover them", recovery),
    degradations=Picture("degradations", "the degraded inputs of several configs, no weights needed", degradations),
    tasks=Picture("tasks", "target, input and output of several runs, and their mean error over a folder", tasks),
    attention=Picture(
        "attention", "attention of the class token to the patches, for several checkpoints of any method", attention
    ),
    corruption=Picture(
        "corruption",
        "original, masked, and several corrupted images that a generator samples for the same mask",
        corruption,
    ),
    enhancement=Picture(
        "enhancement",
        "original, masked, corrupted, and what the enhancer recovers of it or calls replaced",
        enhancement,
    ),
    templates=Picture(
        "templates", "mean, deviation and normalised pixels of several norm_pix, no model needed", templates
    ),
    losses=Picture("curves", "a loss over the epochs of several runs", losses),
)
