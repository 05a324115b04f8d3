"""Geometric distortions by a sampling grid (Beyond Masking, task c)."""

from __future__ import annotations

import math
import warnings

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..layers import Noise, to_pair
from .base import Degradation, Size, interval
from .center import centre, margins
from .zoom import resize

NO_PADDING = 1 / (2 * math.sqrt(2))  # the largest twist whose grid stays inside the image for every centre


def base_grid(images: Tensor) -> Tensor:
    """Return corner-aligned positions ``(1, H, W, 2)`` in [-1, 1], x first."""
    y, x = (torch.linspace(-1, 1, side, device=images.device, dtype=images.dtype) for side in images.shape[-2:])
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]


def warp(images: Tensor, positions: Tensor) -> Tensor:
    """Return the images read at ``positions (B, H, W, 2)``, bilinearly, with zeros outside."""
    return F.grid_sample(images, positions, mode="bilinear", padding_mode="zeros", align_corners=True)


@MODELS.register_module()
class Fisheye(Degradation):
    """Radial distortion ``r' = r (1 - m r)`` about a random centre c: ``s = g + m |c - g| (c - g)`` (task c).

    The content is magnified away from c. On average 43 % of the image stays visible for m in (0.20, 0.25).

    Args:
        twist: m is uniform in this interval, for every image; above 0.3536 padding may become visible.
        raw_size: Distort a larger crop of this many pixels and reduce it (area) to ``input_size``; the target is the
            crop's centre at its own scale. The paper's variant "without missing content" (288), which still misses
            41 % on average.
        input_size: Filled from the backbone; used with ``raw_size`` only.
        ensure_coverage: With ``raw_size``, lower m if the centre of the crop would not be visible as a whole.
    """

    def __init__(
        self,
        twist: tuple[float, float] = (0.20, 0.25),
        raw_size: int | Size | None = None,
        input_size: int | Size = 224,
        ensure_coverage: bool = False,
    ) -> None:
        super().__init__()
        self.twist = interval("twist", twist)
        if self.twist[1] > NO_PADDING:
            warnings.warn(f"twist={twist}: above {NO_PADDING:.4f} black padding becomes visible", stacklevel=2)
        self.raw_size = None if raw_size is None else to_pair(raw_size)
        self.input_size = to_pair(input_size)
        if self.raw_size is not None:
            margins(self.raw_size, self.input_size)
        elif ensure_coverage:
            raise UsageError("ensure_coverage=True needs raw_size, the pixels of the larger crop")
        self.ensure_coverage = ensure_coverage

    def draw(self, size: Size, noise: Noise) -> dict[str, Tensor]:
        """Return ``center (B, 2)`` as (x, y) in [-1, 1], and ``twist (B,)``."""
        x, y, twist = noise.between((-1, 1), (-1, 1), self.twist)
        center = torch.stack([x, y], 1)
        if self.ensure_coverage and self.raw_size is not None:
            twist = torch.minimum(twist, self._covering_twist(center))
        return dict(center=center, twist=twist)

    def _covering_twist(self, center: Tensor) -> Tensor:
        """Return the largest twist that keeps the crop's centre visible as a whole.

        A border point at most sqrt(2)(1+rho) from c must stay outside the crop's centre.
        """
        assert self.raw_size is not None
        margin = min(1 - inner / raw for inner, raw in zip(self.input_size, self.raw_size, strict=True))
        return margin / math.sqrt(2) / (1 + center.abs().amax(1)) ** 2

    def degrade(self, images: Tensor, center: Tensor, twist: Tensor) -> Tensor:  # type: ignore[override]
        if self.raw_size is not None and tuple(images.shape[-2:]) != self.raw_size:
            raise UsageError(
                f"raw_size={self.raw_size}, but the crops have {images.shape[-2]}x{images.shape[-1]} pixels; "
                "change the size of the data's RandomResizedCrop"
            )
        distorted = images if self.twist[1] == 0 else warp(images, self.positions(images, center, twist))
        return distorted if self.raw_size is None else resize(distorted, self.input_size, "area")

    @staticmethod
    def positions(images: Tensor, center: Tensor, twist: Tensor) -> Tensor:
        """Return where every pixel is read, ``(B, H, W, 2)``."""
        grid = base_grid(images)
        toward = center.to(grid)[:, None, None] - grid  # (B,H,W,2)
        return grid + twist.to(grid)[:, None, None, None] * toward.norm(dim=-1, keepdim=True) * toward

    def output_size(self, size: Size) -> Size:
        return size if self.raw_size is None else self.input_size

    def clean(self, images: Tensor) -> Tensor:
        return images if self.raw_size is None else centre(images, self.input_size)


@MODELS.register_module()
class HorizontalWave(Degradation):
    """Rows shifted along a sine, ``s_x = g_x + A (1 - g_x^2) sin(pi (g_y + 1) / lambda + phi)`` (Appendix A.3).

    No pixel is lost. The paper gives no formula; this one and its intervals are mmmim's own.

    Args:
        amplitude: A, in half widths of the image, below 0.5.
        wavelength: lambda, in half heights of the image.
    """

    def __init__(
        self, amplitude: tuple[float, float] = (0.10, 0.20), wavelength: tuple[float, float] = (0.4, 1.0)
    ) -> None:
        super().__init__()
        self.amplitude = interval("amplitude", amplitude)
        self.wavelength = interval("wavelength", wavelength)
        if self.amplitude[1] >= 0.5:
            raise UsageError(f"amplitude={amplitude} must stay below 0.5, where rows would fold over")
        if self.wavelength[0] == 0:
            raise UsageError(f"wavelength={wavelength} must be above 0")

    def draw(self, size: Size, noise: Noise) -> dict[str, Tensor]:
        """Return ``amplitude``, ``wavelength`` and ``phase``, each ``(B,)``."""
        amplitude, wavelength, phase = noise.between(self.amplitude, self.wavelength, (0, 2 * math.pi))
        return dict(amplitude=amplitude, wavelength=wavelength, phase=phase)

    def degrade(self, images: Tensor, amplitude: Tensor, wavelength: Tensor, phase: Tensor) -> Tensor:  # type: ignore[override]
        if self.amplitude[1] == 0:
            return images
        grid = base_grid(images)
        x, y = grid.unbind(-1)  # (1,H,W)
        a, length, phi = (value.to(grid)[:, None, None] for value in (amplitude, wavelength, phase))
        shifted = x + a * (1 - x * x) * torch.sin(math.pi * (y + 1) / length + phi)  # (B,H,W)
        return warp(images, torch.stack([shifted, y.expand_as(shifted)], -1))
