from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.checks import one_of
from mmmim.registry import MODELS

from ..layers import PatchMask, full_precision, grid_of, unpatchify
from .dense import DenseTarget

EPS = 1e-6


@MODELS.register_module()
class PixelTarget(DenseTarget):
    """Pixels of the normalised image, patch by patch in (row, column, channel) order: ``(B, n, values*C)``.

    Args:
        norm_pix: ``none`` keeps the pixels (SimMIM). ``patch`` standardises each patch by the mean and *unbiased*
            variance over all its values, ``(x - mean) / sqrt(var + 1e-6)`` (MAE). ``window`` standardises each pixel
            by those of the ``window x window`` pixels of its channel around it, cut at the border (SwinV2).
        window: Odd number of pixels.
        downsample: Predict the area average of blocks of so many pixels (SimMIM, Table 3).
    """

    space = "pixel"

    def __init__(
        self,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        norm_pix: str = "patch",
        window: int = 47,
        downsample: int = 1,
    ) -> None:
        super().__init__(patch_size, in_channels, downsample)
        self.norm_pix = one_of("norm_pix", norm_pix, ("patch", "window", "none"))
        if window < 3 or window % 2 == 0:
            raise ValueError(f"window={window} must be an odd number of at least 3 pixels")
        self.window = window
        self.dims = self.values[0] * self.values[1] * in_channels

    @torch.no_grad()
    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        x = images.to(torch.promote_types(images.dtype, torch.float32))
        if self.norm_pix == "window":
            mean, std = self._window_statistics(x)
            x = (x - mean) / std
        patches = self.patches(self.reduce(x), where)  # (B,n,T)
        if self.norm_pix != "patch":
            return patches
        mean, std = _patch_statistics(patches)
        return (patches - mean) / std

    @torch.no_grad()
    def to_image(self, values: Tensor, images: Tensor) -> Tensor:
        """Full-grid predictions ``(B, N, T)`` as images; normalised values take the mean and std of the true pixels."""
        values, images = values.to(images.dtype), self.reduce(images)
        if self.norm_pix == "patch":
            mean, std = _patch_statistics(self.patches(images))
            values = values * std + mean
        maps = unpatchify(values, self.values, grid_of(images, self.values))
        if self.norm_pix == "window":
            mean, std = self._window_statistics(images)
            maps = maps * std + mean
        return self.enlarge(maps)

    def weights(self, mask: PatchMask, images: Tensor) -> Tensor:
        return super().weights(mask, images).repeat_interleave(self.in_channels, -1)  # (B,N,T)

    def _window_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and unbiased standard deviation around each pixel; n counts the pixels inside the image."""
        with full_precision(x.device.type):
            mean, square, count = (
                F.avg_pool2d(part, self.window, 1, self.window // 2, count_include_pad=True)
                for part in (x, x * x, torch.ones_like(x[:1, :1]))
            )
            n = count * self.window**2  # pixels inside
            mean, square = mean / count, square / count
            var = (square - mean * mean) * n / (n - 1)
            return mean, (var.clamp_min(0) + EPS).sqrt()


def _patch_statistics(patches: Tensor) -> tuple[Tensor, Tensor]:
    with full_precision(patches.device.type):
        var, mean = torch.var_mean(patches, dim=-1, keepdim=True)  # unbiased
        return mean, (var + EPS).sqrt()
