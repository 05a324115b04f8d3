"""The words that pictures know on the command line; nothing here imports a library."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from mmmim.errors import UsageError

TOY = "toy"  # stands for the built-in pictures in place of a folder
KINDS = ("patch", "patch_channel", "window", "window_joint")  # of norm_pix, those that normalise
MASKS = {"own": "the model's own", "most": "most of the object", "object": "the whole object"}
STRATEGIES: dict[str, dict[str, Any]] = {
    "importance_sampling": dict(type="mmmim.ImportanceMasker"),
    "importance": dict(type="mmmim.ImportanceMasker", noise="none"),
    "random": dict(type="mmmim.RandomMasker"),
    "block": dict(type="mmmim.BlockMasker"),
}


def names_for(args: Namespace, shown: Sequence[str]) -> list[str | None]:
    """Return the names given with ``--names``, or None for each of the ``shown`` runs or configs."""
    names = args.names or [None] * len(shown)
    if len(names) != len(shown):
        raise UsageError(f"--names: {len(shown)} to be named, got {len(names)} names")
    return names
