from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor


class TransformersModel(NamedTuple):
    """A model of transformers: its class, its configuration, and weights under the names of files on the hub.

    The names are those that have been published since the model exists; every release of transformers reads them,
    whatever its modules are called.
    """

    name: str  # of the class
    model_type: str
    config: dict[str, Any]
    state: dict[str, Tensor]
    auto: str = "AutoModel"  # the class that opens it
