"""Reads published weights, also from pickled modules, without running anything that a file asks for."""

from __future__ import annotations

import pickle
import types
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmmim.errors import WeightsError

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

    They may be at the top, under ``state_dict`` or ``model``, or in a pickled module. Other contents of the file are
    replaced by objects that do nothing.

    Raises:
        WeightsError: the file is incomplete, damaged or missing, or asks for a function to be called.
    """
    try:
        content = _unpickle(Path(path))
    except _Refused as refused:
        raise WeightsError(
            f"{path}: refused. To read it, {refused} would have to be called, and a file may run any code that way; "
            f"nothing was run. The published file does not ask for it: fetch {source}"
        ) from None
    except Exception as error:  # unpickling anything can raise anything
        message = str(error).strip().partition("\n")[0][:200]
        raise WeightsError(
            f"{path}: {Path(path).stat().st_size:,} bytes, incomplete, damaged or no PyTorch file "
            f"({type(error).__name__}: {message}); fetch it again: {source}"
        ) from None
    if isinstance(content, Mapping):
        content = next((content[key] for key in ("state_dict", "model") if key in content), content)
    state = dict(_tensors(content))
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


def _tensors(content: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the named tensors of a flat mapping, or of a module in the way that ``nn.Module`` keeps them."""
    if isinstance(content, _Inert):
        kept = content.state if isinstance(content.state, Mapping) else {}
        for name, value in [*_items(kept.get("_parameters")), *_items(kept.get("_buffers"))]:
            if isinstance(value, Tensor):
                yield prefix + name, value
        for name, module in _items(kept.get("_modules")):
            yield from _tensors(module, f"{prefix}{name}.")
    for name, value in _items(content):
        if isinstance(value, Tensor):
            yield str(name), value


def _items(content: Any) -> list[tuple[Any, Any]]:
    return list(content.items()) if isinstance(content, Mapping) else []


# ---------------------------------------------------------------- unpickling

# Only these functions and classes of a file are called.
REBUILD: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,  # type: ignore[attr-defined]
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}
# Classes of these packages are replaced by one that does nothing: the DALL-E files and checkpoints of Lightning and
# MMEngine hold such objects. Published files have no others.
INERT = {
    *("argparse", "collections", "dall_e", "lightning", "lightning_fabric", "mmengine", "numpy", "omegaconf"),
    *("pathlib", "pytorch_lightning", "taming", "typing"),
}
INERT_MODULES = ("_codecs", "torch", "torch.nn.parameter")  # the module itself, not its submodules
BUILTINS = ("builtins", "__builtin__")  # Python 2's name, which torch writes
INERT_BUILTINS = ("bool", "bytearray", "bytes", "complex", "dict", "float", "int", "list", "set", "str", "tuple")


class _Refused(Exception):
    pass


class _Inert:
    """A replacement of whatever was pickled: it takes every argument, keeps its state and does nothing."""

    dump_patches = False  # torch reads this of classes in its older format
    state: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in REBUILD:
            known = REBUILD[module, name]
            return known if isinstance(known, type) else partial(known)  # a file may set attributes of what it gets
        if (
            module.partition(".")[0] in INERT
            or module in INERT_MODULES
            or module.startswith("torch.nn.modules.")
            or (module in BUILTINS and name in INERT_BUILTINS)
        ):
            return _Inert
        raise _Refused(f"{module}.{name}")


def _load(file: Any, **kwargs: Any) -> Any:
    return _Unpickler(file, **kwargs).load()


# torch.load takes a module with the interface of pickle.
_PICKLE: Any = types.SimpleNamespace(__name__="restricted_pickle", Unpickler=_Unpickler, load=_load)


def _unpickle(path: Path) -> Any:
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    if zipped:
        if "constants.pkl" in torch._C.PyTorchFileReader(str(path)).get_all_records():
            raise _Refused("TorchScript code")  # torch.load would hand it to torch.jit.load
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"wrong checksum of {damaged}")  # torch.load does not check it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ignores that the sources of inert classes differ from those of the file
        return torch.load(path, map_location="cpu", pickle_module=_PICKLE, weights_only=False)
