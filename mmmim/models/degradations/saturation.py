from __future__ import annotations

from typing import Any

from torch import Tensor

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import ColorSpace, Noise, check_rgb, luma
from .base import Degradation, Size, readable

MAX_GRAY_WEIGHT = 0.667


@MODELS.register_module()
class SaturationScale(Degradation):
    """HSV saturation times s at fixed hue and value: ``(1 - s) V + s x``, V = max over R, G, B (task e).

    Args:
        scale: s; 0, 0.3 and 0.6 in the paper's Table 2.
        mode: ``hsv``; ``luma`` takes .299 R + .587 G + .114 B in place of V; ``random_gray`` puts one weighted sum of
            the normalised channels, with weights uniform in [0, 0.667) for the whole batch, in all channels (legacy).
        mean, std: Filled from the data preprocessor, in units of 0..255.
        in_channels: Filled from the backbone; only RGB images have a saturation.

    Raises:
        UsageError: there are other than three channels, or colours outside [0, 1] (checked on the CPU only).
    """

    def __init__(
        self, scale: float = 0.3, mode: str = "hsv", mean: Any = 0.0, std: Any = 255.0, in_channels: int = 3
    ) -> None:
        super().__init__()
        check_rgb("SaturationScale", in_channels)
        if not 0 <= scale <= 1:
            raise UsageError(f"scale={scale} must lie between 0 (gray) and 1 (unchanged)")
        self.scale = scale
        self.mode = one_of("mode", mode, ("hsv", "luma", "random_gray"))
        self.color_space = ColorSpace(mean, std)

    def draw(self, size: Size, noise: Noise) -> dict[str, Tensor]:
        if self.mode != "random_gray":
            return {}
        return dict(weights=(MAX_GRAY_WEIGHT * noise.shared(3)).expand(noise.rows, -1))

    def degrade(self, images: Tensor, weights: Tensor | None = None) -> Tensor:  # type: ignore[override]
        if images.shape[1] != 3:
            raise UsageError(f"SaturationScale needs RGB images, got {images.shape[1]} channels")
        if weights is not None:
            gray = (images * weights.to(images)[:, :, None, None]).sum(1, keepdim=True)
            return gray.expand_as(images).contiguous()
        if self.scale == 1:
            return images
        colors = self.color_space.to_unit(images)
        if readable(colors) and colors.numel() and (colors.min() < -1e-3 or colors.max() > 1 + 1e-3):
            raise UsageError(
                f"images: colours between {colors.min():.4g} and {colors.max():.4g} after undoing mean and std, "
                "expected [0, 1]; put SaturationScale before other degradations, and check mean and std"
            )
        value = colors.amax(1, keepdim=True) if self.mode == "hsv" else luma(colors)
        return self.color_space.normalise((1 - self.scale) * value + self.scale * colors)
