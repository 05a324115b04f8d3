"""Scaling the saturation."""

from __future__ import annotations

import colorsys

import pytest
import torch
from degraded import IMAGENET, SIZE, pictures, seeded

from mmmim.models.degradations import SaturationScale


@pytest.mark.parametrize("scale", [0.0, 0.3, 0.6])
def test_saturation_equals_a_round_trip_through_hsv(scale: float) -> None:
    images = pictures(1, (16, 16), torch.float64)
    found = SaturationScale(scale)(images)[0].flatten(1).T.tolist()
    for pixel, changed in zip(images[0].flatten(1).T.tolist(), found, strict=True):
        h, s, v = colorsys.rgb_to_hsv(*pixel)
        assert changed == pytest.approx(colorsys.hsv_to_rgb(h, s * scale, v), abs=1e-12)
        assert max(changed) == pytest.approx(v, abs=1e-12)
        if scale:
            assert colorsys.rgb_to_hsv(*changed)[0] == pytest.approx(h, abs=1e-12)


def test_saturation_of_normalised_images() -> None:
    mean, std = (torch.tensor(IMAGENET[key]).view(3, 1, 1) / 255 for key in ("mean", "std"))
    colors = pictures()
    found = SaturationScale(0.3, **IMAGENET)((colors - mean) / std) * std + mean
    torch.testing.assert_close(found, SaturationScale(0.3)(colors), rtol=0, atol=1e-6)


def test_gray_is_a_fixed_point_and_zero_is_the_maximum() -> None:
    gray = pictures()[:, :1].expand(-1, 3, -1, -1)
    for mode in ("hsv", "luma"):
        torch.testing.assert_close(SaturationScale(0.3, mode=mode)(gray), gray, rtol=0, atol=1e-6)
    images = pictures()
    assert torch.equal(SaturationScale(0.0)(images), images.amax(1, keepdim=True).expand_as(images))
    luma = (images * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1)
    torch.testing.assert_close(SaturationScale(0.0, mode="luma")(images)[:, 1], luma)


def test_random_gray_has_one_mixture_for_the_batch() -> None:
    degradation = SaturationScale(mode="random_gray")
    params = degradation.sample(SIZE, 4, generator=seeded())
    weights = params["weights"]
    assert (weights == weights[0]).all() and (weights >= 0).all() and (weights < 0.667).all()
    images = pictures()
    found = degradation(images, **params)
    torch.testing.assert_close(found[:, 0], (images * weights[0].view(3, 1, 1)).sum(1))
    assert torch.equal(found[:, 0], found[:, 2])
