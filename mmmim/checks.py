from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class UsageError(ValueError):
    """Something the user wrote or gave (command line, config, files) is wrong; tools print it without a traceback."""


class MissingFileError(FileNotFoundError, UsageError):
    """A file or folder that the user named is not there, or lacks what it should hold."""


class WeightsError(RuntimeError, UsageError):
    """Weights that a model is to start from cannot be read or do not fit."""


class RunFailed(RuntimeError):
    """A run cannot go on although command line and code are sound, as with a loss that is not finite.

    Tools print the message without a traceback and end with status 1.
    """


def one_of(name: str, value: Any, choices: Iterable[Any]) -> Any:
    """``value`` itself, or a UsageError that names the argument, the value, the nearest match and all choices."""
    listed = list(choices)
    if value in listed:
        return value
    near = get_close_matches(str(value), [str(choice) for choice in listed], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"{name}={value!r} is unknown; {hint}choose one of {', '.join(map(repr, listed))}")
