from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import Noise
from .base import Degradation, Size


@MODELS.register_module()
class RandomKernelBlur(Degradation):
    """A convolution with a random kernel for every image and channel, with zeros around the image (task d).

    Args:
        kernel_size: k, odd pixels.
        choices: Draw k for every image from these instead; the paper's "rand" is (5, 7, 9, 11).
        init: Distribution of the k*k values: ``normal`` N(kernel_mean, kernel_std^2);
            ``kaiming`` N(0, 2/k^2) and ``xavier`` N(0, 2/(k^2+C k^2)) are PyTorch's for C kernels of one channel.
        kernel_mean: Default 1/k^2, which keeps brightness on average.
        kernel_std: Standard deviation of a value.
        in_channels: Filled from the backbone.
    """

    def __init__(
        self,
        kernel_size: int = 9,
        choices: list[int] | None = None,
        init: str = "normal",
        kernel_mean: float | None = None,
        kernel_std: float = 0.02,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.sizes = [kernel_size] if choices is None else list(choices)
        name = "kernel_size" if choices is None else "choices"
        if not self.sizes or any(size < 1 or size % 2 == 0 for size in self.sizes):
            raise UsageError(f"{name}={kernel_size if choices is None else choices}: kernels have odd sizes from 1 on")
        if kernel_std < 0:
            raise UsageError(f"kernel_std={kernel_std} must not be negative")
        self.init = one_of("init", init, ("normal", "kaiming", "xavier"))
        self.kernel_mean, self.kernel_std = kernel_mean, kernel_std
        self.in_channels = in_channels

    def draw(self, size: Size, noise: Noise) -> dict[str, Tensor]:
        """Return ``kernel (B, C, K, K)``; K is the largest size, smaller kernels lie in its centre between zeros."""
        largest, channels = max(self.sizes), self.in_channels
        values = noise.normal(channels * largest**2).view(noise.rows, channels, largest, largest)
        kernels = torch.stack([self._kernel(values, side) for side in self.sizes])  # (n,B,C,K,K)
        if len(self.sizes) == 1:
            return dict(kernel=kernels[0])
        choice = noise.choice(len(self.sizes))
        return dict(kernel=kernels[choice, torch.arange(noise.rows, device=choice.device)])

    def _kernel(self, noise: Tensor, side: int) -> Tensor:
        if self.init == "normal":
            mean, std = 1 / side**2 if self.kernel_mean is None else self.kernel_mean, self.kernel_std
        else:
            fans = 1 if self.init == "kaiming" else 1 + self.in_channels
            mean, std = 0.0, math.sqrt(2 / fans) / side
        margin = (noise.shape[-1] - side) // 2
        inner = noise[..., margin : margin + side, margin : margin + side] * std + mean
        return F.pad(inner, [margin] * 4)

    def degrade(self, images: Tensor, kernel: Tensor) -> Tensor:  # type: ignore[override]
        batch, channels, height, width = images.shape
        if channels != kernel.shape[1]:
            raise UsageError(f"images have {channels} channels, kernels {kernel.shape[1]}: set in_channels={channels}")
        if batch == 0:
            return images
        side = kernel.shape[-1]
        blurred = F.conv2d(
            images.reshape(1, batch * channels, height, width),
            kernel.to(images).reshape(batch * channels, 1, side, side),
            padding=side // 2,
            groups=batch * channels,
        )
        return blurred.view(batch, channels, height, width)
