"""An unpickler for which a file is data: it calls a short list of functions, and nothing else that a file names."""

from __future__ import annotations

import argparse
import pickle
import types
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

# Each is handed out wrapped, since a file may set attributes of what it gets.
FUNCTIONS: dict[tuple[str, str], Any] = {
    ("builtins", "getattr"): lambda *_: None,  # HistoryBuffer names its own methods; nothing is looked up
    ("_codecs", "encode"): lambda text, encoding="latin1": text.encode("latin1"),  # how pickle 2 writes bytes
    ("collections", "Counter"): Counter,
    ("collections", "defaultdict"): lambda *_: OrderedDict(),
    ("collections", "deque"): deque,
    ("mmengine.config.config", "ConfigDict"): OrderedDict,
    ("numpy._core.multiarray", "_reconstruct"): np.ndarray.__reduce__(np.zeros(1))[0],
    ("numpy._core.multiarray", "scalar"): np.float64().__reduce__()[0],
    ("torch", "Size"): torch.Size,
    ("torch", "device"): torch.device,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,  # type: ignore[attr-defined]
    ("torch._utils", "_rebuild_parameter_with_state"): torch._utils._rebuild_parameter_with_state,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_tensor_v3"): torch._utils._rebuild_tensor_v3,
}
# Types written in C, of which nothing can be changed.
TYPES: dict[tuple[str, str], type] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    **{("builtins", each.__name__): each for each in (bytearray, complex, frozenset, set, slice)},
}
# Objects of these packages are replaced by an :class:`Inert`: runs and published files contain them, and nothing
# that is read here needs them.
INERT_PACKAGES = {
    *("argparse", "collections", "dall_e", "lightning", "lightning_fabric", "mmengine", "numpy", "omegaconf"),
    *("pathlib", "pytorch_lightning", "taming", "typing", "yacs"),
}
INERT_MODULES = ("torch", "torch.nn.parameter")  # the module itself, not its submodules
INERT_BUILTINS = ("bool", "bytes", "dict", "float", "int", "list", "object", "str", "tuple")

# What the index of a ``torch.distributed.checkpoint`` consists of.
INDEX_CLASSES = {
    ("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
    *(
        ("torch.distributed.checkpoint.metadata", name)
        for name in (
            *("BytesStorageMetadata", "ChunkStorageMetadata", "Metadata", "MetadataIndex", "StorageMeta"),
            *("TensorProperties", "TensorStorageMetadata", "_MEM_FORMAT_ENCODING"),
        )
    ),
}


class Refused(Exception):
    """Raised with the name of what a file asks to call."""


class Inert:
    """Stands for an object of a class that is not called: it takes every argument, keeps its state, does nothing."""

    dump_patches = False  # torch reads this of classes in its older format
    state: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Do nothing."""

    def extend(self, values: Any) -> None:
        """Do nothing."""


def module_tensors(content: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the named tensors of a flat mapping, or of a pickled ``nn.Module``, which is an :class:`Inert` here."""
    if isinstance(content, Inert):
        kept = content.state if isinstance(content.state, Mapping) else {}
        for name, value in [*_items(kept.get("_parameters")), *_items(kept.get("_buffers"))]:
            if isinstance(value, Tensor):
                yield prefix + name, value
        for name, module in _items(kept.get("_modules")):
            yield from module_tensors(module, f"{prefix}{name}.")
    for name, value in _items(content):
        if isinstance(value, Tensor):
            yield str(name), value


def _items(content: Any) -> list[tuple[Any, Any]]:
    return list(content.items()) if isinstance(content, Mapping) else []


class Unpickler(pickle.Unpickler):
    """Python's unpickler with the lists above in place of every importable name."""

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins", "numpy.core.multiarray": "numpy._core.multiarray"}.get(module, module)
        place = module, name
        if place in FUNCTIONS:
            return partial(FUNCTIONS[place])
        if place in TYPES:
            return TYPES[place]
        if place in _HOLDERS:
            return type(name, (_HOLDERS[place],), {})
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        if (
            module.partition(".")[0] in INERT_PACKAGES
            or module in INERT_MODULES
            or module.startswith("torch.nn.modules.")
            or (module == "builtins" and name in INERT_BUILTINS)
        ):
            return Inert
        raise Refused(f"{module}.{name}")


class MetadataUnpickler(Unpickler):
    """The unpickler for the index of a ``torch.distributed.checkpoint``, each of whose classes is an :class:`Inert`."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in INDEX_CLASSES:
            return type(name, (Inert,), {})
        if (module, name) == ("torch.serialization", "_get_layout"):
            return lambda name: str(name)
        return super().find_class(module, name)


class _History(HistoryBuffer):
    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({key: value for key, value in state.items() if key != "statistics_methods"})
        self.__class__ = HistoryBuffer  # type: ignore[assignment]  # so that it can be stored again


class _Options:
    def __new__(cls) -> Any:
        return OrderedDict()  # the options class of yacs is a dict with attributes


# Classes that only hold values. A file gets a subclass of its own, so that it cannot change ours.
_HOLDERS: dict[tuple[str, str], type] = {
    ("argparse", "Namespace"): argparse.Namespace,
    ("mmengine.logging.history_buffer", "HistoryBuffer"): _History,
    ("yacs.config", "CfgNode"): _Options,
}


def _load(file: Any, **kwargs: Any) -> Any:
    return Unpickler(file, **kwargs).load()


# torch.load takes a module with the interface of pickle.
PICKLE_MODULE: Any = types.SimpleNamespace(__name__="restricted_pickle", Unpickler=Unpickler, load=_load)
