"""Whatever is public says in a sentence what one gets; a function's begins with a verb (ruff's D401 knows the mood)."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import mmmim


def public_modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(mmmim.__path__, "mmmim."):
        if not found.name.endswith("__main__") and found.name != "mmmim.compat.openmmlab":
            yield importlib.import_module(found.name)


def members(module: Any) -> Iterator[tuple[str, Any]]:
    """Public classes and functions of a module, and what classes add to their bases."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value):
            yield f"{module.__name__}.{name}", value
            for key, member in vars(value).items():
                inherited = any(hasattr(base, key) for base in value.__mro__[1:])
                if not key.startswith("_") and not inherited and _is_function(member):
                    yield f"{module.__name__}.{name}.{key}", member
        elif inspect.isfunction(value):
            yield f"{module.__name__}.{name}", value


def _is_function(member: Any) -> bool:
    return inspect.isfunction(member) or isinstance(member, (property, staticmethod, classmethod))


def has_docstring(member: Any) -> bool:
    if inspect.isclass(member):  # a dataclass or named tuple gets its signature
        text = vars(member).get("__doc__") or ""
        return bool(text) and not text.startswith(f"{member.__name__}(")
    return bool(getattr(member, "__doc__", None))


def test_everything_public_has_a_docstring() -> None:
    missing = [name for module in public_modules() for name, member in members(module) if not has_docstring(member)]
    assert not missing, f"{len(missing)} without a docstring: {', '.join(missing[:20])}"
