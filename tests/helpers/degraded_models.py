"""Tiny models of Beyond Masking's tasks and pictures for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmmim.models.algorithms import MaskedImageModel

RANDOM = dict(type="mmmim.RandomMasker", mask_ratio=0.75)
TASKS: dict[str, dict[str, Any]] = {
    "masked": dict(masker=RANDOM),
    "zoomed-in": dict(degradation=dict(type="mmmim.ZoomIn", size=48)),
    "zoomed-out": dict(degradation=dict(type="mmmim.ZoomOut", size=48)),
    "distorted": dict(degradation=dict(type="mmmim.Fisheye")),
    "blurred": dict(degradation=dict(type="mmmim.RandomKernelBlur", kernel_size=5)),
    "decolorized": dict(degradation=dict(type="mmmim.SaturationScale", scale=0.3)),
    "integrated": dict(
        masker=RANDOM,
        degradation=dict(type="mmmim.CenterInput", target="crop"),
        target_generator=dict(type="mmmim.IntegratedZoomTarget", norm_pix="patch_channel"),
        head=dict(type="mmmim.IntegratedZoomHead"),
    ),
}


def build(task: str, arch: dict | None = None, dims: int = 32, **changes: Any) -> MaskedImageModel:
    """Return a tiny model of a task."""
    torch.manual_seed(0)
    settings: dict[str, Any] = dict(
        backbone=dict(
            type="mmmim.ViT", arch=arch or dict(embed_dims=48, depth=2, num_heads=4), img_size=64, patch_size=8
        ),
        neck=dict(type="mmmim.MAEDecoder", dims=dims, depth=2, num_heads=4),
        target_generator=dict(type="mmmim.PixelTarget", norm_pix="patch_channel"),
        head=dict(type="mmmim.ReconstructionHead", scope="hidden" if "masker" in TASKS[task] else "all"),
        data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
    )
    return MaskedImageModel(**{**settings, **TASKS[task], **changes})


def textured(batch: int, size: int) -> Tensor:
    """Return random pictures with amplitudes of 1/f^2, in which brightness varies more than colour.

    They are normalised as ImageNet's.
    """
    generator = torch.Generator().manual_seed(3)
    frequency = (torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size)[None] ** 2).sqrt().clamp_min(1 / size)

    def field(channels: int) -> Tensor:
        noise = torch.fft.rfft2(torch.randn(batch, channels, size, size, generator=generator))
        return torch.fft.irfft2(noise / frequency**2, s=(size, size))

    images = field(1) + 0.3 * field(3)
    images = images - images.amin((2, 3), keepdim=True)
    images = images / images.amax((2, 3), keepdim=True)
    return (images - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        3, 1, 1
    )


def total(losses: dict[str, Tensor]) -> Tensor:
    """Return the sum of the losses, without what is only logged."""
    return torch.stack([value for name, value in losses.items() if "loss" in name]).sum()
