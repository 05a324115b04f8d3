"""Pixels at lower resolution, windowed normalisation, colour classes and tokens as targets (SimMIM)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmim.models.layers import patchify
from mmmim.models.maskers import RandomMasker
from mmmim.models.target_generators import ColorBinTarget, PixelTarget, TokenTarget
from mmmim.registry import MODELS

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def normalised(images: Tensor) -> Tensor:
    return (images.float() - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)


@pytest.mark.parametrize("factor", [1, 2, 4, 8, 16, 32])
def test_low_resolution_target_is_the_area_average(factor: int) -> None:
    images = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    target = PixelTarget(32, norm_pix="none", downsample=factor)
    values = target(images)
    assert values.shape == (2, 6, (32 // factor) ** 2 * 3) and target.dims == values.shape[-1]
    small = target.to_image(values, images)[:, :, ::factor, ::factor]
    blocks = images.unflatten(3, (96 // factor, factor)).unflatten(2, (64 // factor, factor)).mean((3, 5))
    assert torch.allclose(small, blocks, atol=1e-12)


def test_window_statistics_equal_a_loop_over_pixels() -> None:
    images = torch.randn(1, 2, 12, 9, dtype=torch.float64)
    target = PixelTarget(3, in_channels=2, norm_pix="window", window=5)
    result = target.to_image(target(images), torch.zeros_like(images))  # zero images: std = sqrt(eps), mean 0
    result = result / 1e-3
    for y in range(12):
        for x in range(9):
            around = images[0, :, max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].flatten(1)
            var, mean = torch.var_mean(around, dim=1)
            expected = (images[0, :, y, x] - mean) / (var + 1e-6).sqrt()
            assert torch.allclose(result[0, :, y, x], expected, atol=1e-9)


def test_window_47_reproduces_swin_v2s_numbers() -> None:
    images = torch.from_numpy(np.random.RandomState(0).standard_normal((2, 3, 192, 192)))
    values = PixelTarget(32, norm_pix="window")(images)
    assert abs(values.abs().mean().item() - 0.79752673) < 1e-8
    first, centre = values[0, 0, 0].item(), values[0, 3 * 6 + 3].unflatten(0, (32, 32, 3))[0, 0, 1].item()
    assert abs(first - 1.66893964) < 1e-8 and abs(centre - 1.05675095) < 1e-8
    assert PixelTarget(32, norm_pix="window")(torch.full((1, 3, 64, 64), 3.0)).abs().max() < 1e-3


def test_window_normalisation_is_undone_for_pictures() -> None:
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    target = PixelTarget(32, norm_pix="window", window=9)
    assert torch.allclose(target.to_image(target(images), images), images, atol=1e-12)


@MODELS.register_module()
class BrightnessTokenizer(nn.Module):
    """Mean brightness of 8 x 8 pixels in 16 steps."""

    num_codes, stride = 16, 8

    def encode(self, images: Tensor) -> Tensor:
        return (F.avg_pool2d(images.mean(1, keepdim=True), 8)[:, 0] * 15.999).long()

    def decode(self, ids: Tensor) -> Tensor:
        return ((ids + 0.5) / 16)[:, None].repeat_interleave(8, 2).repeat_interleave(8, 3).expand(-1, 3, -1, -1)


def test_tokens_of_a_patch_are_those_of_its_place() -> None:
    target = TokenTarget(dict(type="BrightnessTokenizer"), patch_size=32, tokens_per_patch=2, mean=MEAN, std=STD)
    assert target.dims == 4 * 16
    levels = torch.arange(16).view(1, 4, 4).flip(2)  # a 64 x 64 image, halved to 32 x 32 for 4 x 4 tokens
    pixels = ((levels + 0.5) / 16 * 255).repeat_interleave(16, 1).repeat_interleave(16, 2).expand(1, 3, -1, -1)
    images = normalised(pixels)
    labels = target(images)  # (1,4,4)
    assert labels[0, 1].tolist() == levels[0, :2, 2:].flatten().tolist()
    shown = target.to_image(labels, images)
    assert (shown - images).abs().mean() < 0.15


def test_weights_keep_pixels_that_are_hidden_completely() -> None:
    images = torch.zeros(2, 3, 64, 64)
    mask = RandomMasker(0.5, cell_size=8, patch_size=4)((16, 16), 2)
    pixels = mask.mask.repeat_interleave(4, 1).repeat_interleave(4, 2)  # (B,64,64)
    for factor in (1, 8, 16):
        target = PixelTarget(32, norm_pix="none", downsample=factor)
        weights = target.weights(mask, images)
        blocks = pixels.unflatten(2, (-1, factor)).unflatten(1, (-1, factor)).all(4).all(2)
        assert weights.equal(target.patches(blocks[:, None].float().expand(-1, 3, -1, -1)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PixelTarget(32, downsample=5), "downsample=5 must divide patch_size"),
        (lambda: PixelTarget(32, norm_pix="window", window=1), "window=1 must be at least 2"),
        (lambda: PixelTarget(32, norm_pix="windw"), "did you mean 'window'"),
        (lambda: ColorBinTarget(1), "bins=1 must lie between 2 and 256"),
    ],
)
def test_bad_arguments(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


# ---------------------------------------------------------------- CIM's sliding window


def sliding_loop(images: Tensor, window: int, eps: float = 1e-6) -> Tensor:
    """Every pixel by itself: rows i-w/2 to i-w/2+w-1 of all channels, cut at the border, unbiased variance."""
    out = torch.empty_like(images)
    height, width = images.shape[-2:]
    for i in range(height):
        for j in range(width):
            top, left = max(0, i - window // 2), max(0, j - window // 2)
            box = images[:, :, top : i - window // 2 + window, left : j - window // 2 + window].flatten(1)
            out[:, :, i, j] = (images[:, :, i, j] - box.mean(1)[:, None]) / (box.var(1)[:, None] + eps).sqrt()
    return out


def smooth_noise(size: tuple[int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    """Normalised pictures that vary slowly, with a white one among them."""
    images = F.interpolate(torch.randn(3, 3, 5, 5, dtype=dtype), size, mode="bicubic") + 0.05 * torch.randn(3, 3, *size)
    images[1] = torch.tensor([2.25, 2.43, 2.64]).view(-1, 1, 1)  # white in ImageNet's normalised space
    return images.to(dtype)


@pytest.mark.parametrize("window", [8, 7, 3])
@pytest.mark.parametrize("size", [(32, 48), (16, 16)])
def test_sliding_window_equals_the_double_loop(window: int, size: tuple[int, int]) -> None:
    images = smooth_noise(size)
    target = PixelTarget(8, norm_pix="window_joint", window=window)
    expected = patchify(sliding_loop(images, window), (8, 8))
    torch.testing.assert_close(target(images), expected, rtol=0, atol=1e-9)
    assert (target(images.float()).double() - expected).abs().max() < 2e-3


def test_sliding_window_under_autocast() -> None:
    images, target = smooth_noise((32, 32)).float(), PixelTarget(8, norm_pix="window_joint", window=8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(target(images), target(images.clone()))
        assert (target(images).double() - patchify(sliding_loop(images.double(), 8), (8, 8))).abs().max() < 2e-3
    rounded = images.bfloat16()  # the statistics of what is given, in float32
    assert (target(rounded).double() - patchify(sliding_loop(rounded.double(), 8), (8, 8))).abs().max() < 2e-3


def test_even_window_reaches_four_pixels_back_and_three_ahead() -> None:
    target = PixelTarget(8, norm_pix="window_joint", window=8)
    impulse = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    impulse[..., 10, 10] = 1.0
    seen = (target._window_statistics(impulse)[0][0, 0] > 1e-12).nonzero()
    assert seen.min(0).values.tolist() == [7, 7] and seen.max(0).values.tolist() == [14, 14]
    mean = target._window_statistics(impulse)[0][0, 0]
    assert mean[10, 10] == pytest.approx(1 / 64)
    corner = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    corner[..., 0, 0] = 1.0
    assert target._window_statistics(corner)[0][0, 0, 0, 0] == pytest.approx(1 / 16)  # 4 x 4 pixels are inside


def test_sliding_window_of_flat_and_shifted_images() -> None:
    target = PixelTarget(8, norm_pix="window_joint", window=8)
    assert target(torch.full((1, 3, 32, 32), 5.0)).abs().max() < 1e-2
    images = smooth_noise((32, 32))[:1]
    torch.testing.assert_close(target(3 * images + 7), target(images), rtol=1e-3, atol=1e-3)


def test_sliding_window_back_to_pixels() -> None:
    target, images = PixelTarget(8, norm_pix="window_joint", window=8), smooth_noise((32, 48))
    torch.testing.assert_close(target.to_image(target(images), images), images, rtol=0, atol=1e-8)
