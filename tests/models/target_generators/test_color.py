from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.models.target_generators import ColorBinTarget, ColorClusterTarget

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def uint8_images(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(0).randint(0, 256, shape)).to(torch.uint8)


def normalised(images: Tensor) -> Tensor:
    return (images.float() - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)


def test_256_bins_reproduce_the_image_and_2_split_it() -> None:
    pixels = uint8_images(2, 3, 64, 32)
    images = normalised(pixels)
    target = ColorBinTarget(256, patch_size=32, mean=MEAN, std=STD)
    labels = target(images)
    assert labels.shape == (2, 2, 3072) and target.dims == 3072 * 256
    shown = target.to_image(labels, images) * torch.tensor(STD).view(-1, 1, 1) + torch.tensor(MEAN).view(-1, 1, 1)
    assert torch.allclose(shown, pixels.float() + 0.5, atol=1e-3)
    halves = ColorBinTarget(2, patch_size=32)
    assert halves(images).equal(halves.patches((pixels >= 128).float()).long())


@pytest.mark.parametrize(("bins", "factor"), [(8, 1), (4, 4), (32, 32)])
def test_bins_are_taken_after_pooling(bins: int, factor: int) -> None:
    pixels = uint8_images(1, 3, 64, 64)
    labels = ColorBinTarget(bins, patch_size=32, downsample=factor)(normalised(pixels))
    pooled = F.avg_pool2d(pixels.double(), factor)
    expected = (pooled * bins / 256).floor().clamp(max=bins - 1)
    assert labels.equal(ColorBinTarget(bins, patch_size=32, downsample=factor).patches(expected).long())


def test_clusters_equal_brute_force(tmp_path: Path) -> None:
    palette = np.random.RandomState(1).uniform(-1, 1, (16, 3)).astype(np.float32)
    np.save(tmp_path / "palette.npy", palette)
    target = ColorClusterTarget(tmp_path / "palette.npy", clusters=16, patch_size=8, downsample=2)
    pixels = uint8_images(1, 3, 16, 24)
    labels = target(normalised(pixels))
    assert labels.shape == (1, 6, 16) and target.dims == 256 and target.space == "color clusters"
    colors = target.patches(F.avg_pool2d(pixels.float(), 2) / 127.5 - 1).unflatten(-1, (-1, 3))
    distance = (colors[..., None, :] - torch.from_numpy(palette)).square().sum(-1)
    assert labels.equal(distance.argmin(-1))
    assert target.to_image(labels, normalised(pixels)).shape == (1, 3, 16, 24)


def test_missing_or_unfit_palette(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"palette='.*nowhere.npy': there is no such file.*color_palette.py"):
        ColorClusterTarget(tmp_path / "nowhere.npy")(torch.zeros(1, 3, 16, 16))
    np.save(tmp_path / "bytes.npy", np.full((512, 3), 200.0))
    with pytest.raises(ValueError, match="up to 200; expected"):
        ColorClusterTarget(tmp_path / "bytes.npy").init_weights()
