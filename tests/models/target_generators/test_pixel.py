"""Pixel targets: normalised, put together again, resized."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from degraded_models import textured

from mmmim.models.target_generators import PixelTarget


@pytest.mark.parametrize("norm_pix, expected", [("patch_channel", 63 / 64), ("patch", 191 / 192)])
def test_normalised_patches(norm_pix: str, expected: float) -> None:
    target = PixelTarget(8, norm_pix=norm_pix, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    values = target(textured(2, 64).double())
    groups = values.unflatten(-1, (64, 3)).transpose(-1, -2) if norm_pix == "patch_channel" else values
    torch.testing.assert_close(groups.mean(-1), torch.zeros_like(groups.mean(-1)), rtol=0, atol=1e-9)
    assert groups.square().mean().item() == pytest.approx(expected, rel=1e-3)
    flat = target(torch.full((1, 3, 64, 64), 0.3) + torch.tensor([0.1, -1.2, 0.7]).view(3, 1, 1))
    assert flat.isfinite().all()
    assert flat.abs().max() <= (0.1 if norm_pix == "patch_channel" else 3)


def test_patches_come_back_as_pixels() -> None:
    images = textured(2, 64)
    target = PixelTarget(8, norm_pix="patch_channel", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    torch.testing.assert_close(target.to_image(target(images), images), images, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [224, 320])
def test_area_resizing_is_a_matrix(size: int) -> None:
    image = torch.rand(1, 1, 224, 224, dtype=torch.float64)
    matrix = F.interpolate(torch.eye(224, dtype=torch.float64)[None], size, mode="area")[0].T  # (size,224)
    torch.testing.assert_close(matrix.sum(1), torch.ones(size, dtype=torch.float64))
    assert size == 224 or set(matrix[matrix > 0].tolist()) == {1.0, 0.5}
    torch.testing.assert_close(F.interpolate(image, size, mode="area")[0, 0], matrix @ image[0, 0] @ matrix.T)
