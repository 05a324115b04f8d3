import pytest
import torch

from mmmim.models.layers import patchify
from mmmim.models.target_generators import HOGTarget, PixelTarget


def test_normalised_pixels_have_zero_mean_and_unit_unbiased_deviation() -> None:
    images = torch.randn(3, 3, 32, 48, dtype=torch.float64) * 4 + 1
    target = PixelTarget(16)(images)
    raw = patchify(images, (16, 16))
    expected = (raw - raw.mean(2, True)) / (raw.var(2, keepdim=True) + 1e-6).sqrt()
    torch.testing.assert_close(target, expected, rtol=0, atol=1e-12)
    assert target.std(2).sub(1).abs().max() < 1e-6


def test_constant_patches_become_zeros() -> None:
    assert PixelTarget(16)(torch.full((1, 3, 32, 32), 7.0)).abs().max() == 0


@pytest.mark.parametrize("target", [PixelTarget(8, 4), PixelTarget(8, 4, norm_pix="none"), HOGTarget(8, 4, cell=4)])
def test_targets_at_chosen_patches_only(target) -> None:
    images, where = torch.randn(2, 4, 24, 16), torch.tensor([[5, 0, 3], [1, 2, 4]])
    full = target(images)
    assert full.shape == (2, 6, target.dims)
    chosen = target(images, where)
    for image in range(2):
        torch.testing.assert_close(chosen[image], full[image, where[image]])


def test_pictures_undo_the_normalisation() -> None:
    images = torch.randn(2, 3, 32, 16)
    for target in (PixelTarget(8), PixelTarget(8, norm_pix="none")):
        torch.testing.assert_close(target.to_image(target(images), images), images, atol=1e-5, rtol=0)
