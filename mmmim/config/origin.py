"""Which file of a ``_base_`` chain, or option, sets a key of the effective config last."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from mmengine.config import Config, ConfigDict

from mmmim.config.folder import project_folder
from mmmim.config.internals import base_files, filled_text, merged, name_scopes, with_scope

OPTIONS = "--cfg-options"
BASE_VARIABLE = re.compile(r"\{\{\s*(_base_\.[\w.]+)\s*\}\}")

# The file that all of a value comes from, or the origins below each of its keys; items of a list have "0", "1", ...
Origin: TypeAlias = "str | dict[str, Origin]"


def origins(file: str | Path, options: Mapping[str, Any] | None = None) -> dict[str, Origin]:
    """Return where each key of a config comes from, the smallest subtree of one origin as one entry.

    Args:
        options: As ``--cfg-options`` gives them, by dotted key.
    """
    settings, tree = _read(Path(file).resolve())
    for key, value in (options or {}).items():
        nested = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        tree = _merged(nested, settings, tree, OPTIONS)
        changed = Config(settings)
        changed.merge_from_dict({key: value})
        settings = ConfigDict(dict(changed.items()))
    return {key: _collapsed(origin) for key, origin in tree.items()}


def _read(file: Path) -> tuple[ConfigDict, dict[str, Origin]]:
    """Return the settings of ``file`` over those of its bases, as MMEngine merges them, and their origins."""
    base, tree = ConfigDict(), dict[str, Origin]()
    for path, scope in base_files(file):
        settings, below = _read(path)
        base.update(with_scope(settings, scope))
        tree |= below
    own = _own_settings(file, base)
    tree = _merged(own, base, tree, _shown(file))
    return merged(own, base), tree


def _own_settings(file: Path, base: ConfigDict) -> dict[str, Any]:
    """Return what the lines of ``file`` alone define; they are run as ``Config.fromfile`` runs them."""
    lines = re.sub(r"^_base_\s*=", "_bases_ =", BASE_VARIABLE.sub(r"\1", filled_text(file)), flags=re.M)
    names: dict[str, Any] = {"_base_": base}
    exec(compile(lines, str(file), "exec"), names)
    modules = (types.FunctionType, types.ModuleType)
    hidden = ("_base_", "_bases_")
    own = {k: v for k, v in names.items() if k not in hidden and not k.startswith("__") and not isinstance(v, modules)}
    name_scopes(own)
    return own


def _shown(file: Path) -> str:
    """Return a file as seen from here or from the clone, or in full where it lies in neither."""
    for folder in (Path.cwd(), project_folder()):
        if file.is_relative_to(folder):
            return str(file.relative_to(folder))
    return str(file)


def _keys(value: Any) -> list[str] | None:
    if isinstance(value, dict):
        return list(value)
    return [str(index) for index in range(len(value))] if isinstance(value, (list, tuple)) else None


def _merged(own: Mapping[str, Any], below: Any, tree: Origin, name: str) -> dict[str, Origin]:
    """Origins of ``own``, which file or option ``name`` sets, over ``below``, whose origins are ``tree``."""
    found: dict[str, Origin] = dict.fromkeys(_keys(below) or (), tree) if isinstance(tree, str) else dict(tree)
    for key, value in own.items():
        if isinstance(value, dict) and key in found and not value.get("_delete_", False):
            found[key] = _merged(value, below[int(key) if isinstance(below, (list, tuple)) else key], found[key], name)
        else:
            found[key] = name
    return found


def _collapsed(origin: Origin) -> Origin:
    if isinstance(origin, str):
        return origin
    below = {key: _collapsed(each) for key, each in origin.items()}
    first = next(iter(below.values()), None)
    return first if isinstance(first, str) and all(each == first for each in below.values()) else below
