"""Hashes of everything that features depend on: weights, settings, images, transforms and code."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

# Transforms without random numbers, whoever defines them under these names.
DETERMINISTIC = {"CenterCrop", "Grayscale", "Pad", "Resize", "RGB", "ToImage"}
LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pillow", "simplejpeg", "opencv-python-headless", "tifffile")


class Unknown(Exception):
    """Something features depend on has no hash; the message says what."""


def of_module(module: nn.Module, settings: Mapping[str, Any] | None = None) -> str:
    """Return a hash of the parameters, the buffers and the settings of a module.

    Raises:
        Unknown: The settings hold something other than plain values.
    """
    digest = hashlib.sha256(_plain(f"the settings of {type(module).__name__}", settings).encode())
    digest.update(_without_addresses(repr(module)).encode())
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        update(digest, name, tensor)
    return digest.hexdigest()


def update(digest: Any, name: str, tensor: Tensor) -> None:
    """Feed a tensor to a hash: its name, its type, its shape and its bytes."""
    digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)


def of_dataset(dataset: Any) -> str:
    """Return a hash of what the samples of a dataset depend on.

    Raises:
        Unknown: The dataset cannot tell, or a transform is not known to be deterministic.
    """
    own = getattr(dataset, "fingerprint", lambda: None)()
    if own is None:
        raise Unknown(f"{type(dataset).__name__} does not say which files it reads")
    return hashlib.sha256("\n".join([own, *map(_transform, dataset.transforms)]).encode()).hexdigest()


def of_code(used: Iterable[object]) -> str:
    """Return a hash of mmmim's source, the source of the classes of ``used`` objects, and versions of libraries.

    Raises:
        Unknown: The source of a class is in no file.
    """
    files = {Path(file) for kind in {type(each) for each in used} for file in _sources(kind)}
    digest = hashlib.sha256(_own_code().encode())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _own_code() -> str:
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(file.read_bytes())
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            digest.update(f"{name} {version(name)}".encode())
    return digest.hexdigest()


def _sources(kind: type) -> Iterable[str]:
    for base in kind.__mro__:
        if not base.__module__.startswith(("torch.", "builtins")):
            try:
                yield inspect.getfile(base)
            except (TypeError, OSError):
                raise Unknown(f"the source of {base.__qualname__} is in no file") from None


def _transform(transform: object) -> str:
    name = type(transform).__name__
    if name not in DETERMINISTIC:
        raise Unknown(f"{name} may draw random numbers")
    return _without_addresses(f"{name} {sorted((key, repr(value)) for key, value in vars(transform).items())}")


def _without_addresses(text: str) -> str:
    """Return a text, or raise Unknown if it describes something by its place in memory, which changes every time."""
    if " at 0x" in text:
        raise Unknown(f"{text[:200]!r} describes a part by its address")
    return text


def _plain(what: str, value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except TypeError as error:
        raise Unknown(f"{what} hold more than plain values ({error})") from None
