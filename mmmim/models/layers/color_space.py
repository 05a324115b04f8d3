from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmmim.errors import UsageError


def check_rgb(part: str, in_channels: int) -> None:
    """Raise ``UsageError`` unless the images have the three channels that ``part`` needs."""
    if in_channels != 3:
        raise UsageError(
            f"{part} works on RGB colours, but backbone.in_channels={in_channels}; use 3 channels, or another part"
        )


def luma(colors: Tensor) -> Tensor:
    """Return the brightness ``(B, 1, H, W)`` of RGB colours ``(B, 3, H, W)``."""
    red, green, blue = colors.split(1, dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


class ColorSpace(nn.Module):
    """A conversion between normalised images ``(x - mean) / std`` and colours in [0, 1].

    ``mean`` and ``std`` are in units of 0..255; ``mean=0, std=255`` means that images are such colours already.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float] | float = 0.0, std: Sequence[float] | float = 255.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64).view(-1, 1, 1) / 255, persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float64).view(-1, 1, 1) / 255, persistent=False)

    def to_unit(self, images: Tensor) -> Tensor:
        """Return the colours, in [0, 1], of normalised images."""
        return images * self.std.to(images) + self.mean.to(images)

    def normalise(self, colors: Tensor) -> Tensor:
        """Return the normalised images of colours in [0, 1]."""
        return (colors - self.mean.to(colors)) / self.std.to(colors)
