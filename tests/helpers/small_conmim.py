"""A tiny ConMIM and what it is fed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmmim.models.algorithms import ConMIM

ARCH = dict(embed_dims=32, depth=2, num_heads=2)


def conmim(**changes: Any) -> ConMIM:
    """Return a tiny ConMIM; a dict without ``type`` changes settings of a part, anything else replaces it."""
    settings: dict[str, Any] = dict(
        backbone=dict(type="mmmim.BEiTViT", arch=ARCH, img_size=64, patch_size=8),
        masker=dict(type="mmmim.RandomMasker", mask_ratio=0.75, cell_size=16, rounding="hidden"),
        neck=dict(type="mmmim.PatchProjector", hidden=48),
        target_generator=dict(type="mmmim.MomentumEncoder", dims=16),
        head=dict(type="mmmim.PatchContrastHead"),
        key_view=dict(type="mmmim.PhotometricView"),
        data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
    )
    for part, values in changes.items():
        merge = isinstance(values, dict) and "type" not in values and isinstance(settings.get(part), dict)
        settings[part] = {**settings[part], **values} if merge else values
    torch.manual_seed(0)
    return ConMIM(**settings)


def crops(batch: int = 4, size: tuple[int, int] = (64, 64)) -> Tensor:
    """Return smooth pictures, normalised as ImageNet's."""
    coarse = torch.rand(batch, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    colors = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    return (colors - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        3, 1, 1
    )


def features(batch: int = 3, patches: int = 10, hidden: int = 4, dims: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and the indices of the keys that the queries are to find."""
    generator = torch.Generator().manual_seed(2)
    queries = torch.randn(batch, hidden, dims, dtype=torch.float64, generator=generator)
    keys = torch.randn(batch, patches, dims, dtype=torch.float64, generator=generator)
    where = torch.rand(batch, patches, generator=generator).argsort(1)[:, :hidden].sort(1).values
    return queries, keys, where
