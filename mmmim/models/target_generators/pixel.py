from __future__ import annotations

import torch
from torch import Tensor, nn

from mmmim.checks import one_of
from mmmim.registry import MODELS

from ..layers import full_precision, grid_of, patchify, take, to_pair, unpatchify

EPS = 1e-6


@MODELS.register_module()
class PixelTarget(nn.Module):
    """Pixels of the normalised image, patch by patch in (row, column, channel) order: ``(B, n, ph*pw*C)``.

    Args:
        norm_pix: ``patch`` standardises each patch by the mean and *unbiased* variance over all its values,
            ``(x - mean) / sqrt(var + 1e-6)`` (MAE); ``none`` keeps the pixels.
    """

    space = "pixel"

    def __init__(self, patch_size: int | tuple[int, int] = 16, in_channels: int = 3, norm_pix: str = "patch") -> None:
        super().__init__()
        self.patch_size = to_pair(patch_size)
        self.norm_pix = one_of("norm_pix", norm_pix, ("patch", "none"))
        self.dims = self.patch_size[0] * self.patch_size[1] * in_channels

    @torch.no_grad()
    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        patches = self._patches(images, where)  # (B,n,T)
        if self.norm_pix == "none":
            return patches
        mean, std = self._statistics(patches)
        return (patches - mean) / std

    @torch.no_grad()
    def to_image(self, values: Tensor, images: Tensor) -> Tensor:
        """Full-grid predictions ``(B, N, T)`` as images; normalised values take each patch's own mean and std."""
        values = values.to(images.dtype)
        if self.norm_pix == "patch":
            mean, std = self._statistics(self._patches(images, None))
            values = values * std + mean
        return unpatchify(values, self.patch_size, grid_of(images, self.patch_size))

    def _patches(self, images: Tensor, where: Tensor | None) -> Tensor:
        patches = patchify(images.to(torch.promote_types(images.dtype, torch.float32)), self.patch_size)
        return patches if where is None else take(patches, where)

    def _statistics(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        with full_precision(patches.device.type):
            var, mean = torch.var_mean(patches, dim=-1, keepdim=True)  # unbiased
            return mean, (var + EPS).sqrt()
