"""Blurring with random kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from degraded import SIZE, pictures, seeded

from mmmim.models.degradations import RandomKernelBlur


def test_blur_mixes_neither_channels_nor_images() -> None:
    images, degradation = pictures(2), RandomKernelBlur()
    kernel = degradation.sample(SIZE, 2, generator=seeded())["kernel"]
    before = degradation(images, kernel=kernel)
    changed = images.clone()
    changed[1, 2] += 1
    after = degradation(changed, kernel=kernel)
    same = (before == after).flatten(2).all(2)
    assert same.tolist() == [[True, True, True], [True, True, False]]
    torch.testing.assert_close(degradation(images * 3, kernel=kernel), before * 3)


def test_blur_equals_a_loop_with_scipy() -> None:
    from scipy.ndimage import correlate

    images, degradation = pictures(2, dtype=torch.float64), RandomKernelBlur(choices=[3, 7])
    kernel = degradation.sample(SIZE, 2, generator=seeded())["kernel"].double()
    found = degradation(images, kernel=kernel)
    for b in range(2):
        for c in range(3):
            expected = correlate(images[b, c].numpy(), kernel[b, c].numpy(), mode="constant")
            np.testing.assert_allclose(found[b, c].numpy(), expected, atol=1e-12)


def test_box_kernel() -> None:
    images = torch.ones(1, 3, *SIZE)
    blurred = RandomKernelBlur()(images, kernel=torch.full((1, 3, 9, 9), 1 / 81))
    torch.testing.assert_close(blurred[:, :, 4:-4, 4:-4], images[:, :, 4:-4, 4:-4])
    assert (blurred[:, :, 0] < 0.6).all()


@pytest.mark.parametrize("k", [5, 11])
def test_padded_kernels_blur_alike(k: int) -> None:
    small = RandomKernelBlur(k).sample(SIZE, 2, generator=seeded())["kernel"]
    padded = F.pad(small, [(11 - k) // 2] * 4)
    images = pictures(2)
    torch.testing.assert_close(RandomKernelBlur()(images, kernel=small), RandomKernelBlur()(images, kernel=padded))


@pytest.mark.parametrize(
    "settings, mean, std",
    [
        (dict(kernel_size=9), 1 / 81, 0.02),
        (dict(kernel_size=7, kernel_mean=1 / 49, kernel_std=0.05), 1 / 49, 0.05),
        (dict(kernel_size=5, init="kaiming"), 0, math.sqrt(2) / 5),
        (dict(kernel_size=5, init="xavier"), 0, math.sqrt(0.5) / 5),
    ],
)
def test_kernel_values(settings: dict[str, Any], mean: float, std: float) -> None:
    kernel = RandomKernelBlur(**settings).sample(SIZE, 3000, generator=seeded())["kernel"]
    assert kernel.mean().item() == pytest.approx(mean, abs=std / 50)
    assert kernel.std().item() == pytest.approx(std, rel=0.02)


def test_kaiming_and_xavier_are_pytorchs() -> None:
    weight = torch.empty(3, 1, 101, 101)
    for init, fill in (("kaiming", torch.nn.init.kaiming_normal_), ("xavier", torch.nn.init.xavier_normal_)):
        torch.manual_seed(0)
        fill(weight)
        ours = RandomKernelBlur(101, init=init).sample(SIZE, 1, generator=seeded())["kernel"]
        assert ours.std().item() == pytest.approx(weight.std().item(), rel=0.03)


def test_mixed_sizes_are_drawn_alike() -> None:
    kernel = RandomKernelBlur(choices=[3, 5, 9]).sample(SIZE, 3000, generator=seeded())["kernel"]
    used = (kernel != 0).flatten(2).sum(2)[:, 0]
    assert sorted(used.unique().tolist()) == [9, 25, 81]
    assert all(abs((used == n).float().mean().item() - 1 / 3) < 0.04 for n in (9, 25, 81))
