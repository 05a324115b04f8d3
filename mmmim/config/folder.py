from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import mmmim
from mmmim.errors import MissingFileError

CONFIGS_VARIABLE = "MMMIM_CONFIGS"


@cache
def configs_folder() -> Path:
    """Return the folder of the shipped configs, which ``MMMIM_CONFIGS`` names, or ``configs`` beside the package.

    Raises:
        MissingFileError: The folder does not contain ``_base_``.
    """
    beside = Path(mmmim.__file__).resolve().parents[1] / "configs"
    folder = Path(os.environ.get(CONFIGS_VARIABLE) or beside).resolve()
    if not (folder / "_base_").is_dir():
        raise MissingFileError(
            f"{folder} does not hold the shipped configs (no _base_ in it); set {CONFIGS_VARIABLE} to the folder "
            "configs of a clone of mmmim"
        )
    return folder


def checkout() -> Path:
    """Return the folder that contains ``configs``, ``tools`` and ``docs``."""
    return configs_folder().parent
