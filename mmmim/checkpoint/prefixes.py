"""Find the prefixes that training frameworks put before the names of a model's tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from mmmim.errors import UsageError

# Components that torch.compile, FSDP and activation checkpointing insert anywhere in a name.
WRAPPER_PARTS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
MODEL_ENTRIES = ("model", "state_dict", "module")  # entries of a file that hold the model rather than a copy of it
Marks = Iterable[Sequence[str]]


def named_tensors(content: Mapping[Any, Any], parents: str = "") -> dict[str, Tensor]:
    """Return every tensor in nested dicts by its dotted path, without the :data:`WRAPPER_PARTS`."""
    found: dict[str, Tensor] = {}
    for key, value in content.items():
        path = ".".join(part for part in str(key).split(".") if part not in WRAPPER_PARTS)
        if isinstance(value, Mapping):
            found |= named_tensors(value, f"{parents}{path}." if path else parents)
        elif isinstance(value, Tensor):
            found[parents + path] = value
    return found


def find_prefix(names: Collection[str], marks: Marks, wanted: str | None, file: str) -> str | None:
    """Return the prefix of a model's names, including the entries of the file; None if no model of a layout is found.

    Args:
        marks: One set of names per layout; a model has all the names of one of them.
        wanted: The prefix that the user chose, or a part of it, such as ``teacher``.

    Raises:
        UsageError: Several models fit, or none has the wanted prefix.
    """
    found = {
        name.removesuffix(first)
        for first, *others in marks
        for name in names
        if name == first or name.endswith("." + first)
        if all(name.removesuffix(first) + other in names for other in others)
    }
    outer = sorted(p for p in found if not any(other != p and p.startswith(other) for other in found))
    if wanted is not None:
        chosen = [p for p in outer if f".{wanted.strip('.')}." in f".{p}"]
        if not chosen:
            raise UsageError(f"--prefix {wanted}: {file} {_describe_prefixes(outer, names)}")
        outer = chosen
    usual = [p for entry in MODEL_ENTRIES for p in outer if p.partition(".")[0] == entry]
    if len(outer) > 1 and wanted is None and usual:
        first = usual[0].partition(".")[0]
        outer = [p for p in usual if p.partition(".")[0] == first]
    if len(outer) > 1:
        raise UsageError(f"{file} {_describe_prefixes(outer, names)}")
    return outer[0] if outer else None


def _describe_prefixes(prefixes: Sequence[str], names: Collection[str]) -> str:
    if not prefixes:
        return f"has no model of a known layout under any prefix; its first names are {', '.join([*names][:8])}"
    listed = " or ".join(f"--prefix {prefix.rstrip('.')}" for prefix in prefixes if prefix)
    return f"holds {len(prefixes)} model{'s' * (len(prefixes) > 1)}; choose with {listed or 'no --prefix'}"


def branches_outside(names: Iterable[str], prefix: str) -> list[str]:
    """Return where names without ``prefix`` branch off its path: ``teacher.head`` for ``teacher.head.mlp.0.weight``."""
    path = prefix.split(".")[:-1]
    branches: dict[str, None] = {}
    for name in names:
        if not name.startswith(prefix):
            parts = name.split(".")
            shared = next(depth for depth, part in enumerate([*path, None]) if [part] != parts[depth : depth + 1])
            branches[".".join(parts[: shared + 1])] = None
    return list(branches)
