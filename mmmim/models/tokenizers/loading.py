"""Loads the published weights of a tokenizer, also where a file holds pickled modules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mmmim.checkpoint.reader import read_file
from mmmim.checkpoint.unpickler import module_tensors
from mmmim.errors import UsageError, WeightsError

BUILT_IN = "or take the built-in tokenizer, which needs no file: tokenizer=dict(type='TinyDVAE')"


def require(name: str, path: str | Path | None, source: str) -> Path:
    """Return ``path`` if it exists, else raise a ``WeightsError`` that says what to do."""
    if path is not None and Path(path).exists():
        return Path(path)
    found = "checkpoint=None names no file" if path is None else f"there is no {path} (seen from {Path.cwd()})"
    raise WeightsError(
        f"{name} needs its published weights, but {found}. Nothing is downloaded: fetch {source}, put it there or say "
        f"where it lies with checkpoint=..., {BUILT_IN}"
    )


def read_weights(path: str | Path, source: str) -> dict[str, Tensor]:
    """Return the tensors of a PyTorch file by name, wherever it keeps them.

    They may be at the top, under ``state_dict`` or ``model``, or in a pickled module.

    Raises:
        WeightsError: The file cannot be read, see :func:`~mmmim.checkpoint.reader.read_file`, or holds no tensors.
    """
    try:
        content = read_file(path)
    except UsageError as error:
        raise WeightsError(f"{error}; fetch {source}") from None
    if isinstance(content, Mapping):
        content = next((content[key] for key in ("state_dict", "model") if key in content), content)
    state = dict(module_tensors(content))
    if not state:
        raise WeightsError(f"{path}: holds no tensors of a model; fetch {source}")
    if all(name.startswith("module.") for name in state):  # added by data parallel training
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


@torch.no_grad()
def fill(own: Mapping[str, Tensor], state: Mapping[str, Tensor], path: str | Path, source: str) -> None:
    """Copy ``state`` into ``own`` if names and shapes are the same.

    Raises:
        WeightsError: tensors are missing, surplus or of another shape; the message lists them all.
    """
    differences = {
        "missing": [name for name in own if name not in state],
        "unknown": [name for name in state if name not in own],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
            for name, tensor in own.items()
            if name in state and state[name].shape != tensor.shape
        ],
    }
    if any(differences.values()):
        details = "".join(f"\n  {len(found)} {what}: {_some(found)}" for what, found in differences.items() if found)
        raise WeightsError(f"{path}: not the weights of this tokenizer:{details}\nfetch {source}, {BUILT_IN}")
    for name, tensor in own.items():
        tensor.copy_(state[name])


def _some(names: list[str], limit: int = 6) -> str:
    return ", ".join(names[:limit]) + (f", ... ({len(names) - limit} more)" if len(names) > limit else "")
