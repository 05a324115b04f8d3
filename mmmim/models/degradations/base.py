from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Generator, Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from mmmim.errors import UsageError

from ..contract import Part
from ..layers import Noise, to_pair

Size = tuple[int, int]


class Degradation(Part, nn.Module):
    """A base of batched degradations: an image becomes a degraded one, with its own parameters.

    ``sample`` draws the parameters; the call is a pure function of images and parameters, so any batch can be
    replayed. Subclasses write :meth:`draw` and :meth:`degrade`.
    """

    contract = ("sample", "forward", "degrade", "output_size", "clean")

    def sample(
        self,
        size: Size,
        batch_size: int,
        *,
        generator: Generator | None = None,
        device: torch.device | str | None = None,
    ) -> dict[str, Tensor]:
        """Return the parameters for ``batch_size`` images of ``size`` pixels ``(H, W)``."""
        return self.draw(size, Noise(batch_size, generator, device))

    def draw(self, size: Size, noise: Noise) -> dict[str, Tensor]:
        """Return the parameters that :meth:`degrade` takes, with a row for every image."""
        return {}

    def forward(self, images: Tensor, **params: Tensor) -> Tensor:
        """Return the degraded images of ``images (B, C, H, W)`` in floating point.

        Raises:
            UsageError: images are integers, no batch, or (checked on the CPU only) hold values that are not finite.
        """
        self._check(images)
        return self.degrade(images, **params)

    @abstractmethod
    def degrade(self, images: Tensor, **params: Tensor) -> Tensor:
        """Return the degraded images; ``params`` are what :meth:`draw` gave."""

    def output_size(self, size: Size) -> Size:
        """Return the size of the degraded images."""
        return size

    def clean(self, images: Tensor) -> Tensor:
        """Return the images that have to be recovered from the degraded ones."""
        return images

    def _check(self, images: Tensor) -> None:
        if images.ndim != 4:
            raise ValueError(f"images: expected (B, C, H, W), got shape {tuple(images.shape)}")
        if not images.is_floating_point():
            raise UsageError(
                f"images: {type(self).__name__} degrades floating point images, got {images.dtype}; "
                "normalise them first, as ImagePreprocessor does"
            )
        if readable(images) and not images.isfinite().all():
            raise UsageError(f"images: {type(self).__name__} got values that are not finite")


def readable(images: Tensor) -> bool:
    """Return whether values can be read without waiting for a device."""
    return images.device.type == "cpu" and not isinstance(images, FakeTensor)


def size_within(size: int | Size, canvas: Size, name: str) -> Size:
    """Return ``size`` as a pair that fits into ``canvas``; a single number is a square and needs a square canvas."""
    height, width = to_pair(size)
    if isinstance(size, int) and canvas[0] != canvas[1]:
        raise UsageError(f"{name}={size} is a square, but images have {canvas[0]}x{canvas[1]} pixels; give a pair")
    if height > canvas[0] or width > canvas[1]:
        raise UsageError(f"{name}={size} is larger than the image of {canvas[0]}x{canvas[1]} pixels")
    return height, width


def check_multiple(size: int | Size, patch_size: int | Size | None, name: str) -> None:
    """Raise ``UsageError`` unless ``size`` is a whole number of patches, at least one."""
    patch = (1, 1) if patch_size is None else to_pair(patch_size)
    for pixels, side in zip(to_pair(size), patch, strict=True):
        if pixels < side or pixels % side:
            raise UsageError(
                f"{name}={size} must be a multiple of the patch size {patch[0]}x{patch[1]}; "
                f"take {max(pixels // side, 1) * side}, or set strict=False"
            )


def interval(name: str, bounds: tuple[float, float]) -> tuple[float, float]:
    """Return ``bounds`` as floats, or raise ``UsageError`` unless 0 <= low <= high."""
    low, high = bounds
    if low < 0 or high < low:
        raise UsageError(f"{name}={tuple(bounds)} must be (low, high) with 0 <= low <= high")
    return float(low), float(high)
