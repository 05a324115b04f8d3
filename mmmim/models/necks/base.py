from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from ..contract import Part
from ..layers import Grid, PatchMask


class Neck(Part, nn.Module):
    """A base of necks, the decoder or projector of a masked image model: from the encoder's outputs to predictions.

    A model fills ``in_dims``, ``out_dims``, ``grid``, ``patch_size``, ``num_prefix`` and ``use_mask_token`` of the
    constructor, as far as it has them.

    Attributes:
        input_tokens: Which tokens it decodes under a mask: ``visible``, ``all``, or None for both.
        needs_grid: Whether it is also called with ``grid=(h, w)``, the rows and columns of the encoder's outputs.
        pool: Whether it returns one vector of the whole image, not one of each output.
    """

    contract = ("input_tokens", "needs_grid", "pool", "forward")

    input_tokens: str | None = None
    needs_grid: bool = False
    pool: bool = False

    @abstractmethod
    def forward(self, latent: Tensor, mask: PatchMask | None = None, where: Tensor | None = None) -> Tensor:
        """Return predictions ``(B, n, T)`` at the outputs ``where (B, n)``, or at all, from ``latent (B, P+N, D)``."""


class GridNeck(Neck):
    """A neck that has to know the rows and columns of the outputs."""

    needs_grid = True

    @abstractmethod
    def forward(
        self, latent: Tensor, mask: PatchMask | None = None, where: Tensor | None = None, grid: Grid | None = None
    ) -> Tensor:
        """Return what :meth:`Neck.forward` does.

        ``grid`` is that of the outputs, by default that of the pre-training images.
        """


class Projector(Part, nn.Module):
    """A base of projectors, which map vectors of images ``(B, D)`` to ``(B, out_dims)`` before they are contrasted."""

    contract = ("out_dims", "forward")

    out_dims: int

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return the projections ``(B, out_dims)``."""
