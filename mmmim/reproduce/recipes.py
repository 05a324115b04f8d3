"""Read the recipes of the configs of a table's rows."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from mmengine.config import Config

from mmmim.config.folder import configs_folder, project_folder
from mmmim.config.recipe import Recipe, recipe_of
from mmmim.reproduce.tables import config_path


@cache
def told_by(config: str) -> Recipe:
    """Return the ``recipe`` of a config, whose path begins at the root of the repository."""
    return recipe_of(Config.fromfile(project_folder() / config, import_custom_modules=False))


def recipe_in(method: str, name: str) -> Recipe:
    """Return the ``recipe`` of ``configs/<method>/<name>``."""
    return told_by(str(config_path(method, name, name).relative_to(project_folder())))


def from_folder(method: str, config: str) -> str:
    """Return a path below ``configs`` as tables write it: from the folder of the method."""
    return Path(os.path.relpath(configs_folder() / config, configs_folder() / method)).as_posix()
