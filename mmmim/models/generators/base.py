from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from ..contract import Part
from ..layers import Grid, PatchMask


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


class Generator(Part, nn.Module):
    """What paints plausible but wrong images (CIM).

    A model fills ``embed_dims`` and ``num_heads`` (of an enhancer that is a ViT), ``patch_size``, ``input_size``,
    ``in_channels``, ``mean`` and ``std`` of the constructor where it has them.

    Attributes:
        patch_size: Pixels that are replaced as a whole, on whose grid masks are drawn.
        erases: It chooses what it erases itself and takes no masker.
        makes_tokens: It says which tokens it ``replaced``.
        share_layers: How many first blocks it borrows from the ``lender``, the enhancer, at every call.
        lender_facts: Attributes that a lender has to have, and their values.
    """

    contract = ("patch_size", "erases", "makes_tokens", "share_layers", "lender_facts", "forward")

    patch_size: Grid = (1, 1)
    erases: bool = False
    makes_tokens: bool = False
    share_layers: int = 0
    lender_facts: Mapping[str, Any] = {}

    @abstractmethod
    def forward(
        self, images: Tensor, mask: PatchMask, token_images: Tensor | None = None, lender: nn.Module | None = None
    ) -> Corrupted:
        """Return what becomes of ``images (B, C, H, W)``, normalised, at the hidden patches; ``token_images`` are the
        same crop at a tokenizer's resolution, ``lender`` is the enhancer where layers are shared."""
