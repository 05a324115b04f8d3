from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Corrupted(NamedTuple):
    """What a generator makes of a batch.

    Attributes:
        images: ``(B, C, H, W)``, normalised as the input, without graph.
        replaced: Tokens that differ from those of the image, ``(B, h, w)`` bool; None for generators without tokens.
        losses: Of the generator, and what it logs.
        erased: Pixels that were erased, ``(B, 1, H, W)`` bool: the only ones to recover. None: all of them are.
    """

    images: Tensor
    replaced: Tensor | None
    losses: dict[str, Tensor]
    erased: Tensor | None = None
