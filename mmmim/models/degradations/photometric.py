from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers import ColorSpace, Noise, check_rgb, luma, to_device
from .base import Degradation, Size, readable

JITTER = ("brightness", "contrast", "saturation", "hue")
BLUR_RADIUS = 8  # pixels of the kernel on either side; 4 standard deviations of the widest blur
COLUMNS = 13  # random numbers per image: 4 factors, 4 ranks of their order, 4 decisions, 1 blur radius


@MODELS.register_module()
class PhotometricView(Degradation):
    """The strong view of ConMIM, without geometry: colour jitter, grayscale, blur, solarise.

    The jitter's strengths and the shares of blur and solarise are those of its Table 10; grayscale and the share of the
    jitter are those of the authors' code, as in MoCo v3's second view.

    Every image of a batch has its own parameters and order of the jitter, and each operation changes only a random
    subset of the images. Both are drawn on the host, so that the subsets are known without waiting for the device.

    Args:
        brightness, contrast, saturation: Factors are uniform in [1 - x, 1 + x].
        hue: Shift is uniform in [-x, x]; 1 is the whole circle.
        jitter_p, grayscale_p, blur_p, solarize_p: Share of images that an operation applies to.
        blur_sigma: Range of the Gaussian's standard deviation in pixels.
        mean, std: Filled from the data preprocessor, in units of 0..255.
        in_channels: Filled from the backbone; only RGB images have these colours.
    """

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.2,
        hue: float = 0.1,
        jitter_p: float = 0.8,
        grayscale_p: float = 0.2,
        blur_p: float = 0.1,
        solarize_p: float = 0.2,
        blur_sigma: tuple[float, float] = (0.1, 2.0),
        mean: Any = 0.0,
        std: Any = 255.0,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        check_rgb("PhotometricView", in_channels)
        strengths = dict(brightness=brightness, contrast=contrast, saturation=saturation)
        shares = dict(jitter_p=jitter_p, grayscale_p=grayscale_p, blur_p=blur_p, solarize_p=solarize_p)
        for name, value in {**strengths, **shares}.items():
            if not 0 <= value <= 1:
                raise UsageError(f"{name}={value} must lie between 0 and 1")
        if not 0 <= hue <= 0.5:
            raise UsageError(f"hue={hue} must lie between 0 and 0.5, half the colour circle")
        if not 0 < blur_sigma[0] <= blur_sigma[1] <= BLUR_RADIUS / 4:
            raise UsageError(f"blur_sigma={blur_sigma} must be an increasing pair in (0, {BLUR_RADIUS / 4:g}]")
        self.ranges = [*((1 - x, 1 + x) for x in strengths.values()), (-hue, hue)]
        self.shares, self.blur_sigma = list(shares.values()), blur_sigma
        self.color_space = ColorSpace(mean, std)

    def draw(self, size: Size, noise: Noise) -> dict[str, Tensor]:
        """Return the parameters, on the host.

        They are ``factors (B, 4)`` and ``order (B, 4)`` of the jitter (-1: none), ``grayscale``, ``blur`` and
        ``solarize (B,)`` bool, and ``sigma (B,)``.
        """
        drawn = noise.uniform(COLUMNS, on_host=True)
        low, high = torch.tensor(self.ranges).unbind(1)
        jitter, gray, blur, solarize = (drawn[:, 8:12] < torch.tensor(self.shares)).unbind(1)
        order = drawn[:, 4:8].argsort(1).masked_fill(~jitter[:, None], -1)
        sigma = self.blur_sigma[0] + (self.blur_sigma[1] - self.blur_sigma[0]) * drawn[:, 12]
        factors = low + (high - low) * drawn[:, :4]
        return dict(factors=factors, order=order, grayscale=gray, blur=blur, sigma=sigma, solarize=solarize)

    def degrade(  # type: ignore[override]
        self,
        images: Tensor,
        factors: Tensor,
        order: Tensor,
        grayscale: Tensor,
        blur: Tensor,
        sigma: Tensor,
        solarize: Tensor,
    ) -> Tensor:
        if images.shape[1] != 3:
            raise UsageError(f"PhotometricView needs RGB images, got {images.shape[1]} channels")
        x = self.color_space.to_unit(images).clamp(0, 1)  # (B,3,H,W)
        for turn in order.unbind(1):
            for index, change in enumerate((brighten, change_contrast, saturate, shift_hue)):
                _change_some(x, turn == index, change, factors[:, index])
        _change_some(x, grayscale, lambda images: luma(images).expand_as(images))
        _change_some(x, blur, gaussian_blur, sigma)
        _change_some(x, solarize, lambda images: torch.where(images >= 128 / 255, 1 - images, images))
        return self.color_space.normalise(x)


def _change_some(x: Tensor, chosen: Tensor, change: Any, values: Tensor | None = None) -> None:
    """Replace the images ``chosen (B,)`` of ``x`` by ``change(images, values)``; the choice is on the host."""
    rows = chosen.nonzero().flatten() if readable(chosen) else torch.arange(len(chosen), device=chosen.device)
    if len(rows) == 0:
        return
    where = to_device(rows, x.device)
    arguments = () if values is None else (to_device(values[rows], x.device).to(x.dtype).view(-1, 1, 1, 1),)
    x.index_copy_(0, where, change(x.index_select(0, where), *arguments))


def brighten(x: Tensor, factor: Tensor) -> Tensor:
    """Return the images times ``factor``, clipped to [0, 1]."""
    return (x * factor).clamp(0, 1)


def change_contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Return the images with their distance from the mean brightness times ``factor``, clipped to [0, 1]."""
    mean = luma(x).mean((2, 3), keepdim=True)
    return (mean + factor * (x - mean)).clamp(0, 1)


def saturate(x: Tensor, factor: Tensor) -> Tensor:
    """Return the images with their distance from grey times ``factor``, clipped to [0, 1]."""
    gray = luma(x)
    return (gray + factor * (x - gray)).clamp(0, 1)


def shift_hue(x: Tensor, shift: Tensor) -> Tensor:
    """Return the images with their HSV hue shifted by ``shift`` of the circle; saturation and value are unchanged."""
    value, low = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    chroma = value - low
    r, g, b = x.split(1, dim=1)
    safe = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    hue = torch.where(
        value == r, ((g - b) / safe) % 6, torch.where(value == g, (b - r) / safe + 2, (r - g) / safe + 4)
    )  # sixths of the circle
    of_rgb = torch.arange(5, 0, -2, device=x.device, dtype=x.dtype).view(-1, 1, 1)
    sector = hue + 6 * shift + of_rgb
    k = sector % 6
    return value - chroma * torch.minimum(k, 4 - k).clamp(0, 1)


def gaussian_blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Return the images blurred by a separable Gaussian, ``sigma (B, 1, 1, 1)`` in pixels; edge pixels are repeated."""
    batch, channels, height, width = x.shape
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma.view(-1, 1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)  # (B*C,K)
    padded = F.pad(x, [BLUR_RADIUS] * 4, mode="replicate").flatten(0, 1).unsqueeze(0)  # (1,B*C,H+,W+)
    rows = F.conv2d(padded, kernel[:, None, None, :], groups=batch * channels)
    return F.conv2d(rows, kernel[:, None, :, None], groups=batch * channels).view(batch, channels, height, width)
