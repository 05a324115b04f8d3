from __future__ import annotations

import difflib
from collections.abc import Iterable

from mmmim.checks import MissingFileError, RunFailed, UsageError

__all__ = ["MissingFileError", "RunFailed", "UsageError", "did_you_mean", "nearest"]


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """At most three of ``known`` that resemble ``name``, best first; letter case does not count."""
    spelled = {word.lower(): word for word in known}
    matches = difflib.get_close_matches(name.lower(), list(spelled), n=3, cutoff=cutoff)
    return [spelled[match] for match in matches]


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    matches = nearest(name, known, cutoff)
    return f"; did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""
