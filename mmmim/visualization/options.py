"""Command-line options that several pictures share."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from mmengine.config import DictAction

from mmmim.errors import UsageError

from .sources import TOY


def add_images(parser: ArgumentParser, num: int = 8) -> None:
    """Add the options that choose images and seed."""
    parser.add_argument("--images", default=TOY, metavar="DIR", help="image folder, or 'toy' for the built-in data")
    parser.add_argument("--num", type=int, default=num, help=f"number of images (default: {num})")
    parser.add_argument("--seed", type=int, default=0, help="of masks, degradations and untrained weights (default: 0)")


def add_cfg_options(parser: ArgumentParser) -> None:
    """Add ``--cfg-options``."""
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, default={}, help="key=value changes to CONFIG")


def add_names(parser: ArgumentParser, what: str, default: str) -> None:
    """Add ``--names``, one name per ``what``; the help text says what is shown by default."""
    parser.add_argument("--names", nargs="+", help=f"one name per {what} (default: {default})")


def add_out(parser: ArgumentParser) -> None:
    """Add the required option ``--out``."""
    parser.add_argument("--out", required=True, metavar="FILE.png")


def names_for(args: Namespace, shown: Sequence[str]) -> list[str | None]:
    """Return the names given with ``--names``, or None for each of the ``shown`` runs or configs."""
    names = args.names or [None] * len(shown)
    if len(names) != len(shown):
        raise UsageError(f"--names: {len(shown)} to be named, got {len(names)} names")
    return names
