"""Parses what a checkpoint says about its encoder, ``meta['mmmim']``, to numbers and names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmmim.errors import WeightsError

NAME = re.compile(r"[A-Za-z0-9_.+@ -]{0,80}")
LARGEST = 1 << 16  # no size, width, depth or number of channels is as large
SIZES = ("embed_dims", "width", "in_channels", "num_heads")  # numbers that no encoder has above its largest tensor side


def parse_facts(meta: Mapping[Any, Any], state: Mapping[str, Tensor], file: str) -> dict[str, Any]:
    """Return the facts as numbers, names, None, and lists and dicts of these.

    Raises:
        WeightsError: A fact is of another kind, or no encoder with these tensors can be so large.
    """
    facts = {_name(key, file): _plain(value, f"{file}: meta['mmmim'][{key!r}]") for key, value in meta.items()}
    total = sum(_numbers(facts.get("depth", facts.get("depths"))))
    if total > len(state):
        raise WeightsError(f"{file}: its meta says {total} blocks, its encoder has only {len(state)} tensors")
    side = max((size for value in state.values() for size in value.shape), default=0)
    for name in SIZES:
        if max(_numbers(facts.get(name)), default=0) > side:
            raise WeightsError(
                f"{file}: its meta says {name}={facts[name]}, no side of its tensors is longer than {side}"
            )
    return facts


def class_names(meta: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return the names of the classes that a checkpoint's ``meta`` lists; none where they are no printable names."""
    data = meta.get("dataset_meta")
    names = data.get("classes") if isinstance(data, Mapping) else None
    if not isinstance(names, (list, tuple)) or len(names) > LARGEST:
        return ()
    usable = all(isinstance(name, str) and name.isprintable() and 0 < len(name) <= 200 for name in names)
    return tuple(map(str, names)) if usable else ()


def _numbers(value: Any) -> list[float]:
    if isinstance(value, (list, tuple)):
        return [number for each in value for number in _numbers(each)]
    return [value] if isinstance(value, (int, float)) else []


def _name(key: Any, file: str) -> str:
    if not (isinstance(key, str) and key.isidentifier()):
        raise WeightsError(f"{file}: meta['mmmim'] has the key {key!r:.80}, which is no name")
    return key


def _plain(value: Any, place: str, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < LARGEST**2:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, str) and NAME.fullmatch(value):
        return str(value)
    if isinstance(value, (list, tuple)) and depth < 4 and len(value) < LARGEST:
        return type(value)([_plain(each, place, depth + 1) for each in value])
    if isinstance(value, Mapping) and depth < 4:
        return {_name(key, place): _plain(each, place, depth + 1) for key, each in value.items()}
    raise WeightsError(f"{place} is {value!r:.80} ({type(value).__name__}), not a number or a name")
