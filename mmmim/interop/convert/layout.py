"""The description of a source layout, and helpers that read an architecture from shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from mmmim.checkpoint.foreign import Source
from mmmim.errors import UsageError

State = Mapping[str, Tensor]
NO_PLACE = "the model has no place for it"


class Choices(NamedTuple):
    """Settings that shapes leave open; None if the shapes, or the published models, tell them."""

    num_heads: int | None = None
    img_size: tuple[int, int] | None = None
    window_size: int | None = None  # SwinV2, in tokens


class Layout(NamedTuple):
    """One way to name the tensors of a model.

    Attributes:
        about: Whose files these are.
        marks: Sets of tensors; a file that has all of one is of this layout, unless another's set includes it.
        rename: From the names of a file to those in mmmim's checkpoint (``backbone.*``, ``neck.*``, ``head.*``); other
            names are left out. An unknown tensor of the encoder gets a name too, so that the conversion can reject it.
        build: From renamed tensors to the modules that they must fill, by attribute, on the meta device.
        arrange: Returns renamed tensors in the order of mmmim's axes.
        unused: From patterns (fnmatch) of names that are left out to the reason.
        mean, std: Statistics of the training images, in [0, 1], if the file does not give them.
        note: Returns what the user of such a file should know.
    """

    about: str
    marks: tuple[tuple[str, ...], ...]
    rename: Callable[[Iterable[str]], dict[str, str]]
    build: Callable[[State, Choices], dict[str, nn.Module]]
    arrange: Callable[[State], State] = lambda state: state
    unused: Mapping[str, str] = {}
    mean: tuple[float, ...] = IMAGENET_DEFAULT_MEAN
    std: tuple[float, ...] = IMAGENET_DEFAULT_STD
    note: Callable[[Source], str | None] = lambda source: None


def shape_of(state: State, name: str, dims: int) -> tuple[int, ...]:
    """Return the shape of a tensor.

    Raises:
        UsageError: it is missing, or has not ``dims`` dimensions.
    """
    if name not in state:
        raise UsageError(f"tensor {name} is missing; the file is incomplete, or of another layout: --from NAME")
    shape = tuple(state[name].shape)
    if len(shape) != dims:
        raise UsageError(f"{name} has the shape {shape}, not {dims} dimensions; the file is of another layout")
    return shape


def count(names: Iterable[str], prefix: str) -> int:
    """Return the number of modules ``prefix0``, ``prefix1``, ... that have tensors."""
    found = {int(match[1]) for name in names if (match := re.match(re.escape(prefix) + r"(\d+)\.", name))}
    if not found:
        raise UsageError(f"no tensor starts with {prefix}0; the file is incomplete, or of another layout: --from NAME")
    if absent := sorted(set(range(len(found))) - found):
        listed = ", ".join(f"{prefix}{index}" for index in absent[:5])
        raise UsageError(f"{listed} missing, though there is {prefix}{max(found)}; the file is incomplete")
    return len(found)
