import pytest
import torch

from mmmim.models.target_generators import HOGTarget


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
