"""The fisheye and the horizontal wave."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from degraded import SIZE, pictures, seeded

from mmmim.models.degradations import Fisheye, HorizontalWave
from mmmim.models.degradations.warp import base_grid


def test_fisheye_geometry() -> None:
    images = torch.zeros(50, 3, 33, 33, dtype=torch.float64)
    degradation = Fisheye((0.0, 0.35))
    params = degradation.sample((33, 33), 50, generator=seeded())
    positions = degradation.positions(images, **params)
    center, grid = params["center"].double()[:, None, None], base_grid(images)
    r, found = (grid - center).norm(dim=-1), (positions - center).norm(dim=-1)
    torch.testing.assert_close(found, r * (1 - params["twist"].double()[:, None, None] * r))
    assert positions.abs().max() <= 1


def test_fisheye_keeps_its_centre_and_needs_no_padding() -> None:
    images = pictures(1, (33, 33), torch.float64)
    center = torch.tensor([[base_grid(images)[0, 7, 21, 0], base_grid(images)[0, 7, 21, 1]]])
    twist = torch.tensor([0.35])
    found = Fisheye()(images, center=center, twist=twist)
    torch.testing.assert_close(found[:, :, 7, 21], images[:, :, 7, 21])
    positions = Fisheye.positions(images, center, twist)
    for padding in ("border", "reflection"):
        other = F.grid_sample(images, positions, padding_mode=padding, align_corners=True)
        torch.testing.assert_close(found, other)


@pytest.mark.parametrize("twist, expected", [((0.15, 0.20), 0.52), ((0.20, 0.25), 0.43), ((0.25, 0.30), 0.34)])
def test_share_of_the_image_that_fisheye_shows(twist: tuple[float, float], expected: float) -> None:
    """Sampled positions marked on a 128 x 128 raster of a 257-pixel image."""
    degradation = Fisheye(twist)
    images = torch.zeros(1, 1, 257, 257)
    params = degradation.sample((257, 257), 200, generator=seeded())
    shares = []
    for center, m in zip(params["center"], params["twist"], strict=True):
        positions = degradation.positions(images, center[None], m[None])[0].flatten(0, 1)
        cells = ((positions + 1) / 2 * 128).long().clamp(0, 127)
        shares.append((cells[:, 0] * 128 + cells[:, 1]).unique().numel() / 128**2)
    assert np.mean(shares) == pytest.approx(expected, abs=0.025)


def test_coverage_can_be_ensured() -> None:
    images = torch.zeros(1, 1, 288, 288)
    free, ensured = (Fisheye(raw_size=288, input_size=224, ensure_coverage=flag) for flag in (False, True))
    covered = []
    for degradation in (free, ensured):
        params = degradation.sample((288, 288), 60, generator=seeded())
        positions = degradation.positions(images, **params)  # (60,H,W,2)
        low, high = positions.flatten(1, 2).amin(1), positions.flatten(1, 2).amax(1)
        border = [positions[:, 0, :, 1], -positions[:, -1, :, 1], positions[:, :, 0, 0], -positions[:, :, -1, 0]]
        inside = torch.stack([edge.amax(1) <= -224 / 288 + 1e-6 for edge in border]).all(0)
        assert (low >= -1).all() and (high <= 1).all()
        covered.append(inside.float().mean().item())
    assert covered[0] < 0.1 and covered[1] == 1


def test_larger_crops_for_the_fisheye() -> None:
    crops = pictures(2, (80, 80))
    degradation = Fisheye(raw_size=80, input_size=64)
    params = degradation.sample((80, 80), 2, generator=seeded())
    distorted = Fisheye()(crops, **params)
    assert torch.equal(degradation(crops, **params), F.interpolate(distorted, SIZE, mode="area"))
    assert torch.equal(degradation.clean(crops), crops[:, :, 8:72, 8:72])


def test_wave_moves_along_rows_only_and_loses_nothing() -> None:
    images = torch.arange(64.0)[None, None, :, None].expand(1, 3, 64, 64)  # constant along rows
    degradation = HorizontalWave(amplitude=(0.499, 0.499))
    params = degradation.sample(SIZE, 1, generator=seeded())
    torch.testing.assert_close(degradation(images, **params), images, rtol=0, atol=1e-4)
    ramp = torch.arange(64.0)[None, None, None].expand(1, 3, 64, 64)
    moved = degradation(ramp, **params)
    assert (moved.diff(dim=-1) > 0).all() and moved.amin() < 0.1 and moved.amax() > 62.9
