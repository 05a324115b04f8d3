from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import ColorSpace, PatchMask, full_precision, grid_of, unpatchify
from .dense import DenseTarget

EPS = 1e-6
NORMS = ("patch", "patch_channel", "window", "window_joint", "none")
SLIDING = ("window", "window_joint")
UNAIDED_DEVIATION = (
    0.5  # of pixels around their mean where the true one is not to be used, in units of normalised images
)


@MODELS.register_module()
class PixelTarget(DenseTarget):
    """Pixels of the normalised image, patch by patch in (row, column, channel) order: ``(B, n, values*C)``.

    Args:
        norm_pix: ``none`` keeps the pixels (SimMIM). ``patch`` standardises each patch by the mean and *unbiased*
            variance over all its values, ``(x - mean) / sqrt(var + 1e-6)`` (MAE). ``patch_channel`` does so for each
            channel of a patch, on colours in [0, 1], by ``std + 1e-6`` (Beyond Masking). ``window`` standardises each
            pixel by the ``window x window`` pixels of its channel around it, cut at the border (SwinV2).
            ``window_joint`` does so over all channels together (CIM's sliding window).
        window: Side in pixels; an even window of 8 covers rows i-4 to i+3.
        downsample: Predict the area average of blocks of this many pixels (SimMIM, Table 3).
        mean, std: Filled from the data preprocessor, in units of 0..255.
    """

    space = "pixel"

    def __init__(
        self,
        patch_size: int | tuple[int, int] = 16,
        in_channels: int = 3,
        norm_pix: str = "patch",
        window: int = 47,
        downsample: int = 1,
        mean: Sequence[float] | float = 0.0,
        std: Sequence[float] | float = 255.0,
    ) -> None:
        super().__init__(patch_size, in_channels, downsample)
        self.norm_pix = one_of("norm_pix", norm_pix, NORMS)
        self.color_space = ColorSpace(mean, std)
        if window < 2:
            raise UsageError(f"window={window} must be at least 2 pixels")
        self.window = window
        self.dims = self.values[0] * self.values[1] * in_channels

    @torch.no_grad()
    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        x = images.to(torch.promote_types(images.dtype, torch.float32))
        if self.norm_pix in SLIDING:
            mean, std = self._window_statistics(x)
            x = (x - mean) / std
        elif self.norm_pix == "patch_channel":
            x = self.color_space.to_unit(x)
        patches = self.patches(self.reduce(x), where)  # (B,n,T)
        if self.norm_pix not in ("patch", "patch_channel"):
            return patches
        mean, std = self._patch_statistics(patches)
        return (patches - mean) / std

    @torch.no_grad()
    def to_image(self, values: Tensor, images: Tensor) -> Tensor:
        """Return the images of full-grid predictions ``(B, N, T)``.

        Normalised values take the mean and std of the true pixels.
        """
        values, images = values.to(images.dtype), self.reduce(images)
        if self.norm_pix == "patch_channel":
            images = self.color_space.to_unit(images)
        if self.norm_pix in ("patch", "patch_channel"):
            mean, std = self._patch_statistics(self.patches(images))
            values = values * std + mean
        maps = unpatchify(values, self.values, grid_of(images, self.values))
        if self.norm_pix in SLIDING:
            mean, std = self._window_statistics(images)
            maps = maps * std + mean
        elif self.norm_pix == "patch_channel":
            maps = self.color_space.normalise(maps)
        return self.enlarge(maps)

    @torch.no_grad()
    def unaided_image(self, values: Tensor, images: Tensor) -> Tensor:
        """Return the images of full-grid predictions ``(B, N, T)`` without mean and std of the true pixels.

        Normalised values are drawn around the mean colour of the data, all with one contrast.
        """
        images = self.reduce(images)
        scale = 1.0 if self.norm_pix == "none" else UNAIDED_DEVIATION
        maps = unpatchify(values.to(images.dtype) * scale, self.values, grid_of(images, self.values))
        return self.enlarge(maps)

    def weights(self, mask: PatchMask, images: Tensor) -> Tensor:
        return super().weights(mask, images).repeat_interleave(self.in_channels, -1)  # (B,N,T)

    def _window_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and unbiased standard deviation around each pixel: ``(B, C or 1, H, W)``.

        Sums of squares are taken around the image's mean: in fp32 the variance keeps six digits.
        """
        joint = self.norm_pix == "window_joint"
        with full_precision(x.device.type):
            center = x.mean((1, 2, 3) if joint else (2, 3), keepdim=True)
            moments = [part.mean(1, keepdim=True) if joint else part for part in (x - center, (x - center) ** 2)]
            mean, square = (self._box_mean(part) for part in moments)
            rows, columns = (self._inside(side, x) for side in x.shape[-2:])
            n = rows[:, None] * columns * (x.shape[1] if joint else 1)
            var = (square - mean * mean).clamp_min(0) * n / (n - 1)
            return mean + center, (var + EPS).sqrt()

    def _box_mean(self, maps: Tensor) -> Tensor:
        """Return the mean of the window's pixels that lie in the image, one direction after the other."""
        (height, width), w = maps.shape[-2:], self.window
        rows = F.avg_pool2d(maps, (w, 1), 1, (w // 2, 0), count_include_pad=False)[..., :height, :]
        return F.avg_pool2d(rows, (1, w), 1, (0, w // 2), count_include_pad=False)[..., :width]

    def _inside(self, side: int, like: Tensor) -> Tensor:
        """Return how many rows (or columns) of the window lie in the image, ``(side,)``."""
        first = torch.arange(side, device=like.device) - self.window // 2
        return (first + self.window).clamp_max(side).sub(first.clamp_min(0)).to(like)

    def _patch_statistics(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and unbiased standard deviation of each patch, or of its channels: ``(B, n, 1 or T)``."""
        with full_precision(patches.device.type):
            if self.norm_pix == "patch":
                mean = patches.mean(-1, keepdim=True)
                squares = (patches - mean).square().sum(-1, keepdim=True)  # `var_mean` takes much longer on a CPU
                return mean, (squares / (patches.shape[-1] - 1) + EPS).sqrt()
            std, mean = torch.std_mean(patches.unflatten(-1, (-1, self.in_channels)), dim=-2)  # (B,n,C)
            repeats = self.values[0] * self.values[1]
            return mean.repeat(1, 1, repeats), std.repeat(1, 1, repeats) + EPS
