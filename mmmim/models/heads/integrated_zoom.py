from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import full_precision, patchify, to_pair, unpatchify
from ..target_generators.integrated_zoom import ZoomTargets
from .base import Head


@MODELS.register_module()
class IntegratedZoomHead(Head):
    """``inner_weight * L_in + band_weight * L_out`` of masked and zoomed-in inputs (Beyond Masking, task m+a).

    The prediction stands for the whole crop: it is enlarged (area) to the crop's R x R pixels. L_in is the mean squared
    error over the hidden patches of its centre, which is the encoder's input; L_out that over the band around it.

    Args:
        inner_weight, band_weight: Weights from the authors' code; the paper states none.
        band_reduction: ``strips`` adds the means of the top, bottom, left and right strip (the authors' code),
            ``pixel_mean`` takes the mean over the band.
        patch_size: Filled from the backbone.
    """

    scope = "weighted"
    value_type = ZoomTargets

    def __init__(
        self,
        inner_weight: float = 0.8,
        band_weight: float = 0.2,
        band_reduction: str = "strips",
        patch_size: int | tuple[int, int] = 16,
    ) -> None:
        super().__init__()
        self.inner_weight, self.band_weight = inner_weight, band_weight
        self.band_reduction = one_of("band_reduction", band_reduction, ("strips", "pixel_mean"))
        self.patch_size = to_pair(patch_size)

    def loss(self, prediction: Tensor, target: ZoomTargets, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Return the losses of ``prediction (B, N, T)`` of all patches.

        ``weight (B, N)`` is True where patches are hidden; None scores all.
        """
        (y, x), (height, width) = target.margin, target.outer.shape[-2:]
        if min(y, x) == 0:
            raise UsageError(
                f"IntegratedZoomHead: crops of {height}x{width} pixels have no band around the input; "
                "enlarge the data's RandomResizedCrop, or use ReconstructionHead"
            )
        with full_precision(prediction.device.type):
            prediction = prediction.to(target.outer.dtype)
            grid = (height - 2 * y) // self.patch_size[0], (width - 2 * x) // self.patch_size[1]
            whole = F.interpolate(unpatchify(prediction, self.patch_size, grid), (height, width), mode="area")
            centre = patchify(whole[:, :, y : height - y, x : width - x], self.patch_size)
            inner = self._inner(centre - target.inner, weight)
            outer = self._outer(whole - target.outer, y, x)
            return dict(
                loss_inner=self.inner_weight * inner,
                loss_outer=self.band_weight * outer,
                inner=inner.detach(),
                outer=outer.detach(),
            )

    @staticmethod
    def _inner(error: Tensor, weight: Tensor | None) -> Tensor:
        patch_error = error.square().mean(-1)  # (B,N)
        if weight is None:
            return patch_error.mean()
        return (patch_error * weight).sum() / weight.sum()

    def _outer(self, error: Tensor, y: int, x: int) -> Tensor:
        """Return the error of the band around the centre; corners belong to the top and bottom strips."""
        strips = [
            error[:, :, :y],
            error[:, :, -y:],
            error[:, :, y:-y, :x],
            error[:, :, y:-y, -x:],
        ]
        if self.band_reduction == "strips":
            return torch.stack([strip.square().mean() for strip in strips]).sum()
        pixels = sum(strip.numel() for strip in strips)
        return torch.stack([strip.square().sum() for strip in strips]).sum() / pixels
