import pytest
import torch

from mmmim.models.layers import patchify, unpatchify


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
