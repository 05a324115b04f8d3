"""Access to the private methods of MMEngine's ``Config`` by which it reads a file; there is no public way to one file.

``tests/config/test_internals.py`` fails where a release of MMEngine changes one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmengine.config import Config, ConfigDict


def base_files(file: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield the files of ``_base_`` in their order, each with the scope of another package, or None."""
    for name in Config._get_base_files(str(file)):
        path, scope = Config._get_cfg_path(name, str(file))
        yield Path(path).resolve(), scope


def filled_text(file: Path) -> str:
    """Return the text of a config, its ``{{ fileDirname }}`` and ``{{ $VARIABLE:default }}`` replaced by values."""
    with TemporaryDirectory() as folder:
        copy = str(Path(folder, file.name))
        Config._substitute_predefined_vars(str(file), copy)
        Config._substitute_env_variables(copy, copy)
        return Path(copy).read_text(encoding="utf-8")


def with_scope(settings: Mapping[str, Any], scope: str | None) -> ConfigDict:
    """Return the settings of a base file as ``_base_`` holds them, marked with the scope of its package."""
    return Config._dict_to_config_dict(settings, scope)


def name_scopes(settings: dict[str, Any]) -> None:
    """Write the scope of a base into the parts that were taken from it."""
    Config._parse_scope(settings)


def merged(own: dict[str, Any], base: ConfigDict) -> ConfigDict:
    """Return the settings of a file over those of its bases; ``_delete_`` is obeyed."""
    return Config._merge_a_into_b(own, base)
