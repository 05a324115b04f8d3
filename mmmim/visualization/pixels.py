"""Conversion of the tensors of ``model.predict`` into arrays that can be drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmmim.errors import UsageError

GREY = 0.5


def denormalize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Undo ``(x - mean) / std`` and scale to ``[0, 1]``; ``mean`` and ``std`` are in units of 0..255."""
    channels = images.shape[1]
    if len(mean) not in (1, channels) or len(std) not in (1, channels):
        raise UsageError(
            f"mean, std: images have {channels} channels, got {len(mean)} and {len(std)} values; "
            f"give {channels} each (or 1 for all)"
        )
    shape = (1, -1, 1, 1)
    scale = torch.as_tensor(std, dtype=images.dtype, device=images.device).view(shape)
    shift = torch.as_tensor(mean, dtype=images.dtype, device=images.device).view(shape)
    return ((images * scale + shift) / 255).clamp(0, 1)


def mask_to_pixels(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Return the pixel mask ``(B, 1, H, W)`` of a patch mask ``(B, h, w)``."""
    (height, width), (rows, columns) = size, mask.shape[1:]
    if height % rows or width % columns:
        raise ValueError(f"mask: a grid of {rows}x{columns} patches does not divide images of {height}x{width} px")
    pixels = mask.repeat_interleave(height // rows, 1).repeat_interleave(width // columns, 2)  # (B,H,W)
    return pixels.unsqueeze(1)


def grey_out(images: Tensor, mask: Tensor, grey: float = GREY) -> Tensor:
    """Return the images with one grey in all patches where ``mask (B, h, w)`` is True."""
    return torch.where(mask_to_pixels(mask, images.shape[2:]), torch.full_like(images, grey), images)


def unseen_patches(images: Tensor, corrupted: Tensor, mask: Tensor | None, grid: Sequence[int]) -> Tensor:
    """Return ``(B, h, w)`` bool: the patches that were hidden or reached the encoder altered."""
    batch, channels, height, width = images.shape
    rows, columns = grid
    differs = (images != corrupted).view(batch, channels, rows, height // rows, columns, width // columns)
    altered = differs.any(dim=5).any(dim=3).any(dim=1)  # (B,h,w)
    return altered if mask is None else mask | altered


def paste(images: Tensor, output: Tensor, unseen: Tensor) -> Tensor:
    """Return ``output`` where ``unseen (B, h, w)`` is True and the untouched ``images`` elsewhere."""
    return torch.where(mask_to_pixels(unseen, images.shape[2:]), output, images)


def stretch(images: Tensor) -> Tensor:
    """Scale each image's values to ``[0, 1]``, for values without a natural range (features, error maps)."""
    flat = images.flatten(1)
    low, high = flat.amin(1), flat.amax(1)
    span = (high - low).clamp(min=torch.finfo(images.dtype).eps)
    return (images - low.view(-1, 1, 1, 1)) / span.view(-1, 1, 1, 1)


def to_rgb(images: Tensor) -> list[np.ndarray]:
    """Convert ``(B, C, H, W)`` in [0, 1] to B arrays ``(H, W, 3)``.

    One channel is drawn in grey, two as (first, second, their mean). Of more than three channels, the first three are
    drawn.
    """
    images = images.detach().float().cpu()
    channels = images.shape[1]
    if channels == 1:
        images = images.expand(-1, 3, -1, -1)
    elif channels == 2:
        images = torch.cat([images, images.mean(1, keepdim=True)], dim=1)
    return [image.numpy() for image in images[:, :3].permute(0, 2, 3, 1).clamp(0, 1)]
