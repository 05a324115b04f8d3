"""Zoomed-in and zoomed-out images (Beyond Masking, tasks a and b)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.dist import get_world_size
from torch import Tensor

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import ColorSpace, Noise, to_device
from .base import Degradation, Size, check_multiple, size_within


def resize(images: Tensor, size: Size, interpolation: str, antialias: bool = False) -> Tensor:
    """Return the images in another size.

    ``area`` averages, ``bilinear`` and ``bicubic`` take ``align_corners=False``.
    """
    if images.shape[-2:] == size:
        return images
    if interpolation == "area":
        return F.interpolate(images, size, mode="area")
    return F.interpolate(images, size, mode=interpolation, align_corners=False, antialias=antialias)


def random_corner(sizes: Tensor, canvas: Size, noise: Noise) -> dict[str, Tensor]:
    """Return uniform top left pixels of rectangles ``sizes (2,)`` or ``(B, 2)`` that lie inside the canvas."""
    places = to_device(torch.tensor(canvas), noise.device) - sizes + 1
    top, left = (noise.uniform(2) * places).long().unbind(1)
    return dict(top=top, left=left)


def pick(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the rows ``(B, h)`` and columns ``(B, w)`` of every image: ``(B, C, h, w)``."""
    channels, width = images.shape[1], images.shape[3]
    picked = images.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width))
    return picked.gather(3, columns[:, None, None, :].expand(-1, channels, rows.shape[1], -1))


@MODELS.register_module()
class ZoomIn(Degradation):
    """A part of the image, enlarged to the image's size (task a); the whole image has to be recovered.

    Args:
        size: Pixels of the part, ``int`` or ``(h, w)``: 96, 128, 160, 192, 208 of 224 in the paper's Table 2.
        location: ``centre``, or ``random`` for every image (Appendix A.3).
        interpolation: ``bicubic`` or ``bilinear``, without corner alignment.
        strict: Demand whole patches.
        patch_size: Filled from the backbone.
    """

    def __init__(
        self,
        size: int | Size = 160,
        location: str = "centre",
        interpolation: str = "bicubic",
        strict: bool = True,
        patch_size: int | Size | None = None,
    ) -> None:
        super().__init__()
        check_multiple(size, patch_size if strict else None, "size")
        self.size = size
        self.location = one_of("location", location, ("centre", "random"))
        self.interpolation = one_of("interpolation", interpolation, ("bicubic", "bilinear"))

    def draw(self, size: Size, noise: Noise) -> dict[str, Tensor]:
        if self.location == "centre":
            return {}
        return random_corner(to_device(torch.tensor(size_within(self.size, size, "size")), noise.device), size, noise)

    def degrade(self, images: Tensor, top: Tensor | None = None, left: Tensor | None = None) -> Tensor:  # type: ignore[override]
        canvas = (images.shape[-2], images.shape[-1])
        height, width = size_within(self.size, canvas, "size")
        if top is None or left is None:
            y, x = (canvas[0] - height) // 2, (canvas[1] - width) // 2
            part = images[:, :, y : y + height, x : x + width]
        else:
            rows = top[:, None] + torch.arange(height, device=images.device)
            part = pick(images, rows, left[:, None] + torch.arange(width, device=images.device))
        return resize(part, canvas, self.interpolation)


@MODELS.register_module()
class ZoomOut(Degradation):
    """The reduced image at a random place of the canvas, continued by its mirror images (task b).

    Args:
        size: Pixels of the reduced image, ``int`` or ``(h, w)``.
        choices: Draw the size of every image from these instead; the paper's "rand" is (96, 128, 160, 192).
        pad: What fills the rest: ``mirror`` (half-sample symmetric), ``black`` (RGB 0), ``other`` (the image half a
            batch further on), or ``none``: no canvas, the reduced image enlarged again (bilinear).
        interpolation: How to reduce: ``bicubic`` or ``bilinear``, both antialiased, or ``area``.
        mean, std: Filled from the data preprocessor, in units of 0..255.
    """

    def __init__(
        self,
        size: int | Size = 160,
        choices: list[int | Size] | None = None,
        pad: str = "mirror",
        interpolation: str = "bicubic",
        strict: bool = True,
        patch_size: int | Size | None = None,
        mean: Any = 0.0,
        std: Any = 255.0,
    ) -> None:
        super().__init__()
        if choices is not None and not choices:
            raise UsageError("choices=[] offers no size; give some, or choices=None for size alone")
        self.choices = list(choices) if choices is not None else [size]
        for option in self.choices:
            check_multiple(option, patch_size if strict else None, "size" if choices is None else "choices")
        self.pad = one_of("pad", pad, ("mirror", "black", "other", "none"))
        self.interpolation = one_of("interpolation", interpolation, ("bicubic", "bilinear", "area"))
        self.color_space = ColorSpace(mean, std)

    def sizes(self, canvas: Size) -> list[Size]:
        """Return the sizes of the reduced image as pairs that fit into the canvas."""
        return [size_within(option, canvas, "size") for option in self.choices]

    def draw(self, size: Size, noise: Noise) -> dict[str, Tensor]:
        sizes = to_device(torch.tensor(self.sizes(size)), noise.device)  # (n,2)
        if len(sizes) == 1:
            return {} if self.pad == "none" else random_corner(sizes[0], size, noise)
        choice = noise.choice(len(sizes))  # (B,)
        return dict(choice=choice, **random_corner(sizes[choice], size, noise))

    def degrade(  # type: ignore[override]
        self, images: Tensor, top: Tensor | None = None, left: Tensor | None = None, choice: Tensor | None = None
    ) -> Tensor:
        canvas = (images.shape[-2], images.shape[-1])
        result = images
        for index, size in enumerate(self.sizes(canvas)):
            placed = self._place(images, size, top, left)
            result = placed if choice is None else torch.where((choice == index)[:, None, None, None], placed, result)
        return result

    def _place(self, images: Tensor, size: Size, top: Tensor | None, left: Tensor | None) -> Tensor:
        canvas = (images.shape[-2], images.shape[-1])
        small = resize(images, size, self.interpolation, antialias=self.interpolation != "area")
        if self.pad == "none" or top is None or left is None:
            return resize(small, canvas, "bilinear")
        device = images.device
        rows = torch.arange(canvas[0], device=device) - top[:, None]  # (B,H), 0 at the top of the small image
        columns = torch.arange(canvas[1], device=device) - left[:, None]  # (B,W)
        placed = pick(small, mirror(rows, size[0]), mirror(columns, size[1]))
        if self.pad == "mirror":
            return placed
        inside = within(rows, size[0])[:, None, :, None] & within(columns, size[1])[:, None, None, :]
        black = self.color_space.normalise(images.new_zeros(1, images.shape[1], 1, 1))
        return torch.where(inside, placed, other_images(images) if self.pad == "other" else black)


def other_images(images: Tensor) -> Tensor:
    """Return for every image the one half a batch further on.

    Process r of W owns every W-th image from the r-th on, so half a process' batch is half of the whole batch: which
    images go together does not depend on W.
    """
    batch = len(images)
    if batch == 1 or (batch % 2 and get_world_size() > 1):
        raise UsageError(
            f"pad='other' takes another image of the batch, and a process has {batch}; use an even "
            "train_dataloader.batch_size with drop_last=True, or pad='mirror'"
        )
    return images.roll(batch // 2, 0)


def mirror(position: Tensor, size: int) -> Tensor:
    """Return positions in 0..size-1 by half-sample symmetry: ..., 1, 0, 0, 1, ..., size-1, size-1, size-2, ..."""
    folded = position % (2 * size)
    return torch.where(folded < size, folded, 2 * size - 1 - folded)


def within(position: Tensor, size: int) -> Tensor:
    """Return whether positions lie in 0..size-1."""
    return (position >= 0) & (position < size)
