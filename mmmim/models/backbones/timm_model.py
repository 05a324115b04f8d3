from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor


class Code(NamedTuple):
    """An argument together with the expression that gives it, as which it is printed."""

    text: str
    value: Any

    def __repr__(self) -> str:
        return self.text


class TimmModel(NamedTuple):
    """timm's model of an encoder: how it is built, and the weights under its names."""

    path: str  # the path of its class below timm.models
    arguments: dict[str, Any]
    state: dict[str, Tensor]
    name: str | None = None  # the name for timm.create_model, if that needs nothing else
    head: str = "head"  # name of a classifier's last layer; fc_norm is that of the norm before it
    fc_norm: str = "fc_norm"
    has_norm: bool = True  # False: the final norm is replaced by an identity
    architecture: str | None = None  # a name for timm.create_model that takes the arguments which are no Code

    @property
    def plain_arguments(self) -> dict[str, Any]:
        """Return the arguments that a JSON file can hold; ``architecture`` implies the others."""
        return {name: value for name, value in self.arguments.items() if not isinstance(value, Code)}
