from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

MISSPELT = 0.85  # similarity from which an unknown name counts as misspelt where it might also be meant as it is


class UsageError(ValueError):
    """Something the user wrote or gave (command line, config, files) is wrong; tools print it without a traceback."""


class MissingFileError(FileNotFoundError, UsageError):
    """A file or folder that the user named does not exist, or lacks what it should contain."""


class WeightsError(RuntimeError, UsageError):
    """Weights that a model is to start from cannot be read or do not fit."""


class MissingOperatorError(RuntimeError, UsageError):
    """An operator is called that only a compiled mmcv provides."""


class RunFailed(RuntimeError):
    """A run cannot continue although command line and code are correct, as with a loss that is not finite.

    Tools print the message without a traceback and end with status 1.
    """


def check_agreement(part: str, config: dict[str, Any], source: str, **facts: Any) -> None:
    """Raise a UsageError where the ``config`` of a part contradicts what its neighbours, named by ``source``, give."""
    wrong = {name: config[name] for name in facts if name in config and not _same(config[name], facts[name])}
    if wrong:
        given = {name: facts[name] for name in wrong}
        raise UsageError(f"{part} {wrong} does not fit {source}, which give {given}; leave that out of the {part}")


def _same(given: Any, fact: Any) -> bool:
    """Return whether two values are equal, where 8, [8, 8] and (8, 8) are the same pair."""
    if not isinstance(fact, tuple):
        return given == fact
    return tuple(given) == fact if isinstance(given, (list, tuple)) else (given, given) == fact


def one_of(name: str, value: Any, choices: Iterable[Any]) -> Any:
    """Return ``value``, or raise a UsageError that names the argument, the value, the nearest match and all choices."""
    listed = list(choices)
    if value in listed:
        return value
    near = nearest(str(value), map(str, listed))
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"{name}={value!r} is unknown; {hint}choose one of {', '.join(map(repr, listed))}")


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return at most three of ``known`` that resemble ``name``, best first; letter case does not count."""
    spelled = {word.lower(): word for word in known}
    matches = difflib.get_close_matches(name.lower(), list(spelled), n=3, cutoff=cutoff)
    return [spelled[match] for match in matches]


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``; did you mean 'x' or 'y'?`` for the end of a message, or an empty string where no word is similar."""
    matches = nearest(name, known, cutoff)
    return f"; did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""
