"""Describe a form of export: how it is written, run and explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mmmim.interop.encoder import Features, StoredEncoder

from .classifier import Classifier
from .decoder import Decoder
from .segmentor import Segmentor

Head = Classifier | Segmentor | Decoder

DOUBLE, SINGLE = 1e-5, 1e-4  # the largest difference of features in double and in single precision


class Target(NamedTuple):
    """A form in which encoders are exported.

    ``explain`` returns how to load it, and raises ``UsageError`` before anything is written if the library has no such
    model; ``run`` computes features, or the output of the head, from what was written.
    """

    explain: Callable[[StoredEncoder, Path, Any], str]  # the head is None, or of one of the kinds ``heads``
    write: Callable[[StoredEncoder, Path, Any], None]
    run: Callable[[StoredEncoder, Path, Any], Features]
    heads: tuple[str, ...] = ()  # the kinds of heads that can go with the encoder
    is_folder: bool = False
    dtype: torch.dtype = torch.float64

    @property
    def tolerance(self) -> float:
        """Return the largest difference that is accepted, relative to outputs larger than 1."""
        return DOUBLE if self.dtype == torch.float64 else SINGLE
