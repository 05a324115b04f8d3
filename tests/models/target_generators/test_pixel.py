"""Pixel targets: normalised, put together again, resized."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from degraded_models import textured

from mmmim.models.layers import patchify
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


@pytest.mark.parametrize("norm_pix", ["patch", "patch_channel", "window", "window_joint"])
def test_a_picture_of_the_prediction_alone_knows_nothing_of_the_true_image(norm_pix: str) -> None:
    target = PixelTarget(4, norm_pix=norm_pix, window=4, mean=120.0, std=60.0)
    values = torch.randn(2, 4, target.dims)
    first, second = (target.unaided_image(values, torch.randn(2, 3, 8, 8)) for _ in range(2))
    assert torch.equal(first, second) and not torch.equal(
        *(target.to_image(values, x) for x in torch.randn(2, 2, 3, 8, 8))
    )
    assert torch.equal(patchify(first, (4, 4)), values * 0.5)


def test_predicted_pixels_are_the_model_s_own() -> None:
    target = PixelTarget(4, norm_pix="none")
    values, images = torch.randn(2, 4, 48), torch.randn(2, 3, 8, 8)
    assert torch.equal(target.unaided_image(values, images), target.to_image(values, images))
