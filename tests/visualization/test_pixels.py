from __future__ import annotations

import pytest
import torch

from mmmim.visualization.pixels import (
    GREY,
    denormalize,
    grey_out,
    mask_to_pixels,
    paste,
    stretch,
    to_rgb,
    unseen_patches,
)

BATCH, GRID = 2, (2, 4)


def images(channels: int = 3, height: int = 8, width: int = 32) -> torch.Tensor:
    return torch.rand(BATCH, channels, height, width, generator=torch.Generator().manual_seed(0))


def mask() -> torch.Tensor:
    mask = torch.zeros(BATCH, *GRID, dtype=torch.bool)
    mask[0, 0, 3] = mask[0, 1, 0] = mask[1, 1, 2] = mask[1, 0, 0] = True
    return mask


def test_denormalize_inverts_the_normalisation_of_uint8_pixels() -> None:
    pixels = torch.randint(0, 256, (2, 3, 8, 16)).float()
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    shape = (1, 3, 1, 1)
    normalised = (pixels - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)
    torch.testing.assert_close(denormalize(normalised, mean, std) * 255, pixels, atol=1e-3, rtol=0)


def test_denormalize_names_a_wrong_number_of_values() -> None:
    with pytest.raises(ValueError, match="5 channels, got 3 and 3"):
        denormalize(images(5), [0, 0, 0], [1, 1, 1])


def test_mask_to_pixels_on_a_grid_that_is_not_square() -> None:
    pixels = mask_to_pixels(mask(), (8, 32))
    assert pixels.shape == (BATCH, 1, 8, 32)
    assert pixels.sum() == 4 * 4 * 8
    assert pixels[0, 0, :4, 24:].all() and pixels[0, 0, 4:, :8].all()


def test_mask_that_does_not_divide_the_image() -> None:
    with pytest.raises(ValueError, match="2x4 patches does not divide images of 9x32"):
        mask_to_pixels(mask(), (9, 32))


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_grey_where_hidden_and_untouched_elsewhere(channels: int) -> None:
    original, hidden = images(channels), mask_to_pixels(mask(), (8, 32)).expand(-1, channels, -1, -1)
    shown = grey_out(original, mask())
    assert (shown[hidden] == GREY).all()
    assert torch.equal(shown[~hidden], original[~hidden])


def test_pasted_visible_pixels_are_the_input_bit_for_bit_and_hidden_ones_the_output() -> None:
    original, output = images(), images() + 7
    hidden = mask_to_pixels(mask(), (8, 32)).expand(-1, 3, -1, -1)
    pasted = paste(original, output, mask())
    assert torch.equal(pasted[~hidden], original[~hidden])
    assert torch.equal(pasted[hidden], output[hidden])


def test_a_degraded_patch_counts_as_unseen_even_if_it_is_not_masked() -> None:
    original = images()
    corrupted = original.clone()
    corrupted[1, 2, 7, 31] += 1e-4
    unseen = unseen_patches(original, corrupted, mask(), GRID)
    expected = mask()
    expected[1, 1, 3] = True
    assert torch.equal(unseen, expected)
    assert torch.equal(unseen_patches(original, corrupted, None, GRID), expected & ~mask())


def test_stretch_takes_each_image_to_its_own_full_range() -> None:
    stretched = stretch(torch.stack([images()[0] * 9 - 4, torch.full((3, 8, 32), 2.0)]))
    assert stretched[0].min() == 0 and stretched[0].max() == 1
    assert (stretched[1] == 0).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_to_rgb_of_any_number_of_channels(channels: int) -> None:
    original = images(channels)
    drawn = to_rgb(original)
    assert len(drawn) == BATCH and drawn[0].shape == (8, 32, 3)
    assert (drawn[1][..., 0] == original[1, 0].numpy()).all()
