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


class MissingOperatorError(RuntimeError, UsageError):
    """An operator is called that only a compiled mmcv brings."""


class RunFailed(RuntimeError):
    """A run cannot go on although command line and code are sound, as with a loss that is not finite.

    Tools print the message without a traceback and end with status 1.
    """


def agree(part: str, config: dict[str, Any], source: str, **facts: Any) -> None:
    """Refuse explicit arguments in the ``config`` of a part that do not fit what ``source``, its neighbours, give."""
    wrong = {name: config[name] for name in facts if name in config and not _same(config[name], facts[name])}
    if wrong:
        given = {name: facts[name] for name in wrong}
        raise UsageError(f"{part} {wrong} does not fit {source}, which give {given}; leave that out of the {part}")


def _same(given: Any, fact: Any) -> bool:
    """8, [8, 8] and (8, 8) are the same pair."""
    if not isinstance(fact, tuple):
        return given == fact
    return tuple(given) == fact if isinstance(given, (list, tuple)) else (given, given) == fact


def one_of(name: str, value: Any, choices: Iterable[Any]) -> Any:
    """``value`` itself, or a UsageError that names the argument, the value, the nearest match and all choices."""
    listed = list(choices)
    if value in listed:
        return value
    near = get_close_matches(str(value), [str(choice) for choice in listed], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"{name}={value!r} is unknown; {hint}choose one of {', '.join(map(repr, listed))}")
