from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from ..contract import Part
from ..layers import Grid, PatchMask


class Corrupted(NamedTuple):
    """A corrupted batch, as a generator returns it.

    Attributes:
        images: ``(B, C, H, W)``, normalised as the input, without gradients.
        replaced: Tokens that differ from those of the image, ``(B, h, w)`` bool; None for generators without tokens.
        losses: The generator's losses and what it logs.
        erased: Pixels that were erased, ``(B, 1, H, W)`` bool: only these have to be recovered. None: all of them.
    """

    images: Tensor
    replaced: Tensor | None
    losses: dict[str, Tensor]
    erased: Tensor | None = None


class Generator(Part, nn.Module):
    """A painter of plausible but wrong images (CIM).

    A model fills ``embed_dims`` and ``num_heads`` (of an enhancer that is a ViT), ``patch_size``, ``input_size``,
    ``in_channels``, ``mean`` and ``std`` of the constructor, as far as it has them.

    Attributes:
        patch_size: Pixels that are replaced as a whole, on whose grid masks are drawn.
        erases: Whether it chooses itself what it erases, and takes no masker.
        makes_tokens: Whether it says which tokens it ``replaced``.
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
        """Return ``images (B, C, H, W)``, normalised, with other content in the hidden patches.

        Args:
            token_images: The same crop at a tokenizer's resolution.
            lender: The enhancer, if layers are shared.
        """
