from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class WeightsError(RuntimeError, ValueError):
    """Weights that a model is to start from cannot be read or do not fit; tools print it without a traceback."""


def one_of(name: str, value: Any, choices: Iterable[Any]) -> Any:
    """``value`` itself, or a ValueError that names the argument, the value, the nearest match and all choices."""
    listed = list(choices)
    if value in listed:
        return value
    near = get_close_matches(str(value), [str(choice) for choice in listed], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"{name}={value!r} is unknown; {hint}choose one of {', '.join(map(repr, listed))}")
