from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from mmmim.errors import MissingFileError

CONFIGS_VARIABLE = "MMMIM_CONFIGS"
CLONE = Path(__file__).resolve().parents[2]
INSTALLED = Path(__file__).resolve().parents[1] / ".mim"  # where OpenMMLab's tools look for it too


@cache
def configs_folder() -> Path:
    """Return the folder of the shipped configs.

    ``MMMIM_CONFIGS`` may name it. Otherwise it is ``configs`` of the clone around the package, or the copy that an
    installed package contains.

    Raises:
        MissingFileError: The folder does not contain ``_base_``.
    """
    named = os.environ.get(CONFIGS_VARIABLE)
    candidates = [Path(named)] if named else [INSTALLED / "configs", CLONE / "configs"]
    folder = next(filter(_is_shipped, candidates), None)
    if folder is None:
        raise MissingFileError(
            f"{candidates[0].absolute()} does not hold the shipped configs (no _base_ in it); set "
            f"{CONFIGS_VARIABLE} to the folder configs of a clone of mmmim, or install mmmim again"
        )
    return folder.resolve()


def _is_shipped(configs: Path) -> bool:
    return (configs / "_base_").is_dir()


def project_folder() -> Path:
    """Return the folder of ``configs``, ``tools`` and ``projects``, in a clone or in an installed package."""
    return configs_folder().parent


def tools_folder() -> Path:
    """Return the folder of the commands' scripts, also where ``MMMIM_CONFIGS`` names configs from elsewhere."""
    folders = (place / "tools" for place in (project_folder(), INSTALLED, CLONE))
    return next(folder for folder in folders if (folder / "train.py").is_file())


def find_own_modules() -> None:
    """Make modules below the current folder importable, and after them the shipped ones, such as ``projects.NAME``."""
    for folder in (str(Path.cwd()), str(project_folder())):
        if folder not in sys.path:
            sys.path.append(folder)


def workplace() -> Path:
    """Return the folder below which commands write by default: the clone, or without one the current folder."""
    folder = project_folder()
    return folder if (folder / "pyproject.toml").is_file() else Path.cwd()
