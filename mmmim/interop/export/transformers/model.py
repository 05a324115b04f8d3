from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from mmmim.errors import UsageError
from mmmim.interop.encoder import StoredEncoder
from mmmim.models.backbones.transformers_model import TransformersModel

from ..target import Head

Adapter = Callable[[StoredEncoder, Head | None], TransformersModel]


def refuse(reason: str, instead: str = "--to timm, --to onnx or --to safetensors") -> UsageError:
    """Return the error for what a model of transformers cannot be."""
    return UsageError(f"--to transformers: {reason}; use {instead}")


def one_or_pair(size: Any) -> Any:
    """Return a side if height and width are equal, as in most configurations, else both as a list."""
    height, width = size
    return height if height == width else [height, width]


def split_qkv(name: str, value: Tensor, form: str) -> dict[str, Tensor]:
    """Return queries, keys and values of a joint projection under ``form``, which has a place for their names.

    A bias of the keys shifts all logits of a query alike, so that attention does not depend on it. It is kept where the
    model has one.
    """
    parts = value.chunk(3)
    return {form.format(kind): part.contiguous() for kind, part in zip(("query", "key", "value"), parts, strict=True)}


def beneath(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of an encoder below its name in a model with a head."""
    return {prefix + name: value for name, value in state.items()}
