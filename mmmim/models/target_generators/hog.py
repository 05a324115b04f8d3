from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers import full_precision, grid_of, take, to_pair
from .base import TargetGenerator

SOBEL_X = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))


@MODELS.register_module()
class HOGTarget(TargetGenerator):
    """Histograms of oriented gradients per patch, as in MaskFeat (`Wei et al., 2022`): ``(B, n, C*bins*cells)``.

    Sobel gradients of the reflect-padded image are sorted by angle into ``bins`` unsigned orientations. Their
    magnitudes are weighted by a tiled Gaussian (``gaussian`` px wide, sigma = half of it), summed per cell of ``cell``
    px and L2-normalised over the bins. The cells of a patch are listed in (channel, bin, cell row, cell column) order.
    """

    space = "hog"
    kernels: Tensor
    gaussian: Tensor

    def __init__(
        self,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        bins: int = 9,
        cell: int = 8,
        gaussian: int = 16,
    ) -> None:
        super().__init__()
        self.patch_size = to_pair(patch_size)
        if any(side % cell for side in self.patch_size):
            raise UsageError(
                f"cell={cell} must divide patch_size={self.patch_size}, the pixels of an output of the encoder; set "
                f"target_generator.cell={math.gcd(cell, *self.patch_size)}"
            )
        self.bins, self.cell, self.in_channels = bins, cell, in_channels
        self.cells = self.patch_size[0] // cell, self.patch_size[1] // cell
        self.dims = in_channels * bins * self.cells[0] * self.cells[1]
        offset = torch.arange(gaussian) - (gaussian - 1) / 2
        bell = torch.exp(-(offset**2) / (2 * (gaussian / 2) ** 2))
        sobel = torch.tensor(SOBEL_X)
        kernels = torch.stack([sobel, sobel.T])[:, None].repeat(in_channels, 1, 1, 1)
        self.register_buffer("kernels", kernels, persistent=False)  # (2C,1,3,3)
        self.register_buffer("gaussian", bell.outer(bell) / bell.sum() ** 2, persistent=False)  # (g,g), sum 1

    @torch.no_grad()
    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        h, w = grid_of(images, self.patch_size)
        histogram = self.histogram(images)  # (B,C,bins,H/cell,W/cell)
        cells = histogram.unflatten(4, (w, self.cells[1])).unflatten(3, (h, self.cells[0]))  # (B,C,b,h,ch,w,cw)
        patches = cells.permute(0, 3, 5, 1, 2, 4, 6).flatten(3).flatten(1, 2)  # (B,N,C*b*ch*cw)
        return patches if where is None else take(patches, where)

    def histogram(self, images: Tensor) -> Tensor:
        """Return the normalised histograms of all cells: ``(B, C, bins, H/cell, W/cell)``."""
        with full_precision(images.device.type):
            x = images.to(torch.promote_types(images.dtype, torch.float32))
            padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
            gradient = F.conv2d(padded, self.kernels.to(x.dtype), groups=self.in_channels)
            gx, gy = gradient.unflatten(1, (-1, 2)).unbind(2)  # (B,C,H,W) each
            magnitude = torch.hypot(gx, gy) * self._weights(x)
            index = (torch.atan2(gx, gy) / math.pi * self.bins).floor() % self.bins
            sums = [F.avg_pool2d(magnitude * (index == b), self.cell) for b in range(self.bins)]
            return F.normalize(torch.stack(sums, 2), dim=2)

    def _weights(self, x: Tensor) -> Tensor:
        (height, width), side = x.shape[-2:], self.gaussian.shape[0]
        tiled = self.gaussian.to(x.dtype).repeat(-(-height // side), -(-width // side))
        return tiled[:height, :width]

    @torch.no_grad()
    def to_image(self, values: Tensor, images: Tensor) -> Tensor:
        """Draw the strongest orientation of each cell in grey, in the images' value range: ``(B, C, H, W)``."""
        h, w = grid_of(images, self.patch_size)
        cells = values.to(images.dtype).unflatten(2, (self.in_channels, self.bins, *self.cells))  # (B,N,C,b,ch,cw)
        strength = cells.clamp_min(0).amax(3).unflatten(1, (h, w))  # (B,h,w,C,ch,cw)
        gray = strength.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)  # (B,C,H/cell,W/cell)
        low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
        return F.interpolate(low + gray * (high - low), scale_factor=self.cell, mode="nearest")
