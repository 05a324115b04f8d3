from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError

from ..layers import PatchMask, grid_of, patchify, take, to_pair
from .base import TargetGenerator


class DenseTarget(TargetGenerator):
    """A base of targets that have a value at every pixel, or at every block of ``downsample`` pixels.

    Maps ``(B, C, H/downsample, W/downsample)`` are listed patch by patch in (row, column, channel) order.

    Args:
        patch_size: Pixels that one output of the encoder stands for.
        downsample: 1 keeps the image's resolution, 2 halves it, ... as far as a patch has whole pixels.
    """

    weighs_values = True

    def __init__(self, patch_size: int | tuple[int, int] = 16, in_channels: int = 3, downsample: int = 1) -> None:
        super().__init__()
        self.patch_size = to_pair(patch_size)
        self.in_channels = in_channels
        if downsample < 1 or any(side % downsample for side in self.patch_size):
            raise UsageError(
                f"downsample={downsample} must divide patch_size={self.patch_size}, the pixels of an output of the "
                "encoder; set target_generator.downsample to a divisor of both"
            )
        self.downsample = downsample
        # Rows and columns of values in a patch, per channel.
        self.values = self.patch_size[0] // downsample, self.patch_size[1] // downsample

    def patches(self, maps: Tensor, where: Tensor | None = None) -> Tensor:
        """Return ``(B, n, values*C)`` of maps at the target's resolution, at the patches ``where`` or at all."""
        listed = patchify(maps, self.values)
        return listed if where is None else take(listed, where)

    def reduce(self, images: Tensor) -> Tensor:
        """Return the images at the target's resolution, by area averages."""
        return images if self.downsample == 1 else F.avg_pool2d(images, self.downsample)

    def enlarge(self, maps: Tensor) -> Tensor:
        """Return maps of the target's resolution at that of the images."""
        return maps if self.downsample == 1 else F.interpolate(maps, scale_factor=self.downsample, mode="nearest")

    @torch.no_grad()
    def weights(self, mask: PatchMask, images: Tensor) -> Tensor:
        """Return ``(B, N, values)`` of 0 and 1: 1 where all image pixels of a target pixel are hidden."""
        (height, width), (h, w) = images.shape[-2:], mask.grid
        pixels = mask.mask[:, None].repeat_interleave(height // h, 2).repeat_interleave(width // w, 3)  # (B,1,H,W)
        grid_of(pixels, self.patch_size)
        return self.patches(-F.max_pool2d(-pixels.float(), self.downsample))
