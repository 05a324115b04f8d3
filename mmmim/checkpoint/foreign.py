"""Finds the weights in a checkpoint of another code base, and what else the file says."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from mmmim.checkpoint.prefixes import MODEL_ENTRIES, Marks, branches_outside, find_prefix, named_tensors
from mmmim.checkpoint.reader import read_file
from mmmim.errors import WeightsError


class Source(NamedTuple):
    """The tensors of a foreign file under their own names, and what else the file says."""

    file: str
    state: dict[str, Tensor]
    epoch: int | None  # number of finished epochs
    not_read: list[str]  # other entries of the file: optimizer, args, ...
    options: Mapping[str, Any] = {}  # options of the run, if the file holds them
    prefix: str = ""  # what stood before the names, including the entry of the file


def read_source(file: str | Path, prefix: str | None = None, marks: Marks = ()) -> Source:
    """Return the weights of a file, see :func:`~mmmim.checkpoint.reader.read_file`.

    Args:
        prefix: The prefix of the model's names, or a part of it; None searches for it.
        marks: Names by which a model is found; see :func:`find_prefix`.

    Raises:
        UsageError: There is no such file, it is damaged, it is not a checkpoint, or reading it would run code.
    """
    content: Any = read_file(file)
    if not isinstance(content, Mapping):
        raise WeightsError(f"{file}: holds a {type(content).__name__}, not the named tensors of a model")
    named = named_tensors(content)
    meta = content.get("meta")
    is_ours = isinstance(meta, Mapping) and "mmmim" in meta
    found = None if is_ours else find_prefix(named, marks, prefix, str(file))
    if found is None:
        place = next((key for key in MODEL_ENTRIES if isinstance(content.get(key), Mapping)), None)
        found = "" if place is None else f"{place}."
        if (inside := [name for name in named if name.startswith(found)]) and all(
            name.startswith(f"{found}module.") for name in inside
        ):
            found += "module."  # written by data-parallel training
    state = {name.removeprefix(found): value for name, value in named.items() if name.startswith(found)}
    if not state:
        entries = ", ".join(map(str, list(content)[:5])) or "nothing"
        raise WeightsError(
            f"{file}: holds no tensors of a model, neither at the top nor in {' or '.join(map(repr, MODEL_ENTRIES))}; "
            f"it holds {entries}"
        )
    entries_read = {found[: index + 1] for index, character in enumerate(found) if character == "."}
    others = [str(k) for k, value in content.items() if not isinstance(value, Tensor) and f"{k}." not in entries_read]
    others = list(dict.fromkeys([*others, *branches_outside(named, found)]))
    options = content.get("args")
    known = vars(options) if isinstance(options, argparse.Namespace) else options
    options = known if isinstance(known, Mapping) else {}
    return Source(str(file), state, _finished_epochs(content), others, options, found)


def _finished_epochs(content: Mapping[str, Any]) -> int | None:
    """Return the number of finished epochs; MMEngine stores it, the official codes the last epoch's index from 0."""
    meta = content.get("meta")
    if isinstance(meta, Mapping) and isinstance(meta.get("epoch"), int):
        return meta["epoch"]
    last = content.get("epoch")
    return last + 1 if isinstance(last, int) else None
