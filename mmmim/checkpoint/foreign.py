"""Read a foreign checkpoint without running code that is pickled in it."""

from __future__ import annotations

import argparse
import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmmim.checkpoint.prefixes import MODEL_ENTRIES, Marks, branches_outside, find_prefix, named_tensors
from mmmim.errors import UsageError


class CfgNode:
    """A stand-in for the class of SimMIM's options, which is a dict, so that yacs need not be installed."""

    __module__ = "yacs.config"

    def __new__(cls) -> Any:
        return OrderedDict()  # torch's safe unpickler fills no other kind of dict


# Official files contain the options of their run, in classes that only hold values.
OPTION_HOLDERS: list[Any] = [argparse.Namespace, CfgNode]


class Source(NamedTuple):
    """The tensors of a foreign file under their own names, and what else the file says."""

    file: str
    state: dict[str, Tensor]
    epoch: int | None  # number of finished epochs
    not_read: list[str]  # other entries of the file: optimizer, args, ...
    options: Mapping[str, Any] = {}  # options of the run, if the file holds them
    prefix: str = ""  # what stood before the names, including the entry of the file


def read_source(file: str | Path, prefix: str | None = None, marks: Marks = ()) -> Source:
    """Return the weights of a ``.safetensors`` file, or of a PyTorch file, which is read with ``weights_only=True``.

    Args:
        prefix: The prefix of the model's names, or a part of it; None searches for it.
        marks: Names by which a model is found; see :func:`find_prefix`.

    Raises:
        UsageError: There is no such file, it is damaged, it is not a checkpoint, or reading it would run code.
    """
    path = Path(file)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"{file}: {what}; give a checkpoint that lies on this machine, nothing is downloaded")
    content: Any = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pytorch(path)
    if not isinstance(content, Mapping):
        raise UsageError(f"{file}: holds a {type(content).__name__}, not the named tensors of a model")
    named = named_tensors(content)
    is_ours = "mmmim" in (content.get("meta") or {})
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
        raise UsageError(
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


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path}: {_size(path)}, incomplete, damaged or no safetensors file ({error})") from None


def _read_pytorch(path: Path) -> Any:
    torch.serialization.add_safe_globals(OPTION_HOLDERS)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling anything can raise anything
        if isinstance(error, pickle.UnpicklingError) and (name := re.search(r"GLOBAL ([\w.]+)", str(error))):
            raise UsageError(
                f"{path}: refused: to read it, {name[1]} would have to be called, and a file may run any code that "
                "way; nothing was run. If you trust its source, write the tensors alone to a file where they can be "
                "loaded: torch.save(dict(model=model.state_dict()), FILE)"
            ) from None
        reason = re.sub(r"(?s).*WeightsUnpickler error:", "", str(error)).strip().partition("\n")[0][:200]
        raise UsageError(
            f"{path}: {_size(path)}, incomplete, damaged or no PyTorch checkpoint ({type(error).__name__}: {reason}); "
            "copy or download it again, and compare its size or checksum with the publisher's"
        ) from None


def _size(path: Path) -> str:
    return f"{path.stat().st_size:,} bytes"
