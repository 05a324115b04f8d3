from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import one_of
from mmmim.registry import MODELS

from ..degradations.center import centre, margins
from ..layers import grid_of, to_pair, unpatchify
from .pixel import PixelTarget


class ZoomTargets(NamedTuple):
    """The targets of masked and zoomed-in inputs: the crop's centre and the whole crop."""

    inner: Tensor  # (B,N,T) normalised patches of the crop's centre, the encoder's input
    outer: Tensor  # (B,C,R,R) normalised pixels of the whole crop
    margin: tuple[int, int]  # pixels around the centre, above and left


@MODELS.register_module()
class IntegratedZoomTarget(PixelTarget):
    """Targets of masked and zoomed-in inputs together: see the crop's centre, recover the whole crop (task m+a).

    Args:
        input_size: Pixels of the centre, filled from the backbone.
        band_norm: What is normalised patch by patch outside the centre: ``input``, the crop reduced to the input's
            size, enlarged afterwards (the authors' code), or ``crop``, the crop as it is.
        **kwargs: Arguments of :class:`PixelTarget`.
    """

    value_type = ZoomTargets

    def __init__(
        self, *args: Any, input_size: int | tuple[int, int] = 224, band_norm: str = "input", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.input_size = to_pair(input_size)
        self.band_norm = one_of("band_norm", band_norm, ("input", "crop"))

    @torch.no_grad()
    def forward(self, images: Tensor, where: Tensor | None = None) -> ZoomTargets:  # type: ignore[override]
        """Return the targets of crops ``(B, C, R, R)``, where R is larger than the input by an even number."""
        crop = (images.shape[-2], images.shape[-1])
        inner = super().forward(centre(images, self.input_size))
        if self.band_norm == "input":
            outer = F.interpolate(self._normalised(self._reduced(images)), crop, mode="area")
        else:
            outer = self._normalised(images)
        return ZoomTargets(inner, outer, margins(crop, self.input_size))

    def _reduced(self, images: Tensor) -> Tensor:
        return F.interpolate(images, self.input_size, mode="area")

    def _normalised(self, images: Tensor) -> Tensor:
        return unpatchify(super().forward(images), self.patch_size, grid_of(images, self.patch_size))

    @torch.no_grad()
    def to_image(self, values: Tensor | ZoomTargets, images: Tensor) -> Tensor:
        """Return the whole crop at the input's size, the resolution of the predictions ``(B, N, T)``."""
        reduced = self._reduced(images)
        return reduced if isinstance(values, ZoomTargets) else super().to_image(values, reduced)

    @torch.no_grad()
    def unaided_image(self, values: Tensor, images: Tensor) -> Tensor:
        """Return the whole crop at the input's size, without mean and std of the true pixels."""
        return super().unaided_image(values, self._reduced(images))
