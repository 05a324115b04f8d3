import pytest
import torch

from mmmim.models.heads import ReconstructionHead
from mmmim.models.layers import patchify, unpatchify
from mmmim.models.target_generators import HOGTarget, PixelTarget


def test_patchify_order_and_inverse() -> None:
    images = torch.randn(2, 5, 24, 32)
    patches = patchify(images, (8, 16))  # 3x2 patches
    assert patches.shape == (2, 6, 8 * 16 * 5)
    assert patches[1, 3, (2 * 16 + 7) * 5 + 4] == images[1, 4, 8 + 2, 16 + 7]  # (row, column, channel)
    assert unpatchify(patches, (8, 16), (3, 2)).equal(images)
    first = patchify(images, (8, 16), channels_first=True)
    assert first[1, 3, (4 * 8 + 2) * 16 + 7] == images[1, 4, 8 + 2, 16 + 7]


def test_patchify_names_the_size_that_would_fit() -> None:
    with pytest.raises(ValueError, match=r"30x32 is not divisible by patch_size 8x8; crop or resize to 24x32"):
        patchify(torch.zeros(1, 3, 30, 32), (8, 8))


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


def test_loss_of_the_target_itself_is_zero_and_matches_the_formula() -> None:
    prediction, target = torch.randn(2, 5, 7), torch.randn(2, 5, 7)
    loss = ReconstructionHead().loss(prediction, target)["loss_reconstruction"]
    assert loss.item() == pytest.approx((prediction - target).square().mean().item(), rel=1e-6)
    assert ReconstructionHead().loss(target, target)["loss_reconstruction"] == 0
    with pytest.raises(ValueError, match="did you mean 'smooth_l1'"):
        ReconstructionHead(loss="smoothl1")


# ------------------------------------------------------------------ HOG


def reference_hog(image: torch.Tensor) -> torch.Tensor:
    """Pixel by pixel, (C, H, W) float64 -> (C, 9, H/8, W/8)."""
    channels, height, width = image.shape
    padded = torch.nn.functional.pad(image[None], (1, 1, 1, 1), mode="reflect")[0]
    offset = torch.arange(16, dtype=torch.float64) - 7.5
    bell = torch.exp(-(offset**2) / 128)
    bell = bell / bell.sum()
    histogram = torch.zeros(channels, 9, height // 8, width // 8, dtype=torch.float64)
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                p = padded[c, y : y + 3, x : x + 3]
                gx = (p[0, 0] - p[0, 2]) + 2 * (p[1, 0] - p[1, 2]) + (p[2, 0] - p[2, 2])
                gy = (p[0, 0] - p[2, 0]) + 2 * (p[0, 1] - p[2, 1]) + (p[0, 2] - p[2, 2])
                angle = torch.atan2(gx, gy) / torch.pi * 9
                bin_index = int(torch.floor(angle)) % 9
                histogram[c, bin_index, y // 8, x // 8] += torch.hypot(gx, gy) * bell[y % 16] * bell[x % 16]
    return torch.nn.functional.normalize(histogram, dim=1)


def test_hog_equals_a_pixel_loop() -> None:
    image = torch.randn(2, 32, 16, dtype=torch.float64)
    hog = HOGTarget(16, 2).double()(image[None])[0]  # (2,2*9*4)
    cells = reference_hog(image).unflatten(3, (1, 2)).unflatten(2, (2, 2))  # (C,9,2,2,1,2)
    expected = cells.permute(2, 4, 0, 1, 3, 5).flatten(2).flatten(0, 1)  # patches x (channel, bin, row, column)
    torch.testing.assert_close(hog, expected, atol=1e-6, rtol=0)


def test_hog_invariants() -> None:
    hog = HOGTarget()
    images = torch.randn(2, 3, 224, 224)
    values = hog(images)
    assert values.shape == (2, 196, 108)
    torch.testing.assert_close(values.square().sum(2), torch.full((2, 196), 12.0))
    torch.testing.assert_close(hog(images * 3.7), values, atol=1e-5, rtol=0)
    assert hog(torch.full((1, 3, 32, 32), 2.0)).abs().max() == 0
    with pytest.raises(ValueError, match="cell=5 must divide"):
        HOGTarget(cell=5)
