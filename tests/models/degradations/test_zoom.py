"""Zooming in and out, and the centre crop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from degraded import IMAGENET, SIZE, pictures, seeded

from mmmim.models.degradations import ZoomIn, ZoomOut
from mmmim.models.degradations.zoom import resize


def test_zoom_in_enlarges_the_drawn_part() -> None:
    images, degradation = pictures(), ZoomIn(40, location="random")
    params = degradation.sample(SIZE, 4, generator=seeded())
    for image, top, left, found in zip(
        images, params["top"], params["left"], degradation(images, **params), strict=True
    ):
        part = image[None, :, top : top + 40, left : left + 40]
        torch.testing.assert_close(found[None], F.interpolate(part, SIZE, mode="bicubic"), rtol=0, atol=1e-6)


def test_corners_reach_every_place() -> None:
    params = ZoomOut(60).sample(SIZE, 4000, generator=seeded())
    for corner in params.values():
        assert sorted(corner.unique().tolist()) == [0, 1, 2, 3, 4]
        assert all(abs(count / 4000 - 0.2) < 0.03 for count in corner.bincount())


def test_sizes_are_drawn_alike_and_corners_fit_them() -> None:
    params = ZoomOut(choices=[16, 32, 48, 56]).sample(SIZE, 4000, generator=seeded())
    sizes = torch.tensor([16, 32, 48, 56])[params["choice"]]
    assert all(abs(count / 4000 - 0.25) < 0.03 for count in params["choice"].bincount())
    for corner in (params["top"], params["left"]):
        assert (corner + sizes <= 64).all() and (corner[sizes == 16].max() == 48)


@pytest.mark.parametrize("size, top, left", [(48, 5, 9), (40, 0, 24), (16, 20, 31), (12, 52, 0)])
def test_mirror_equals_numpy_symmetric(size: int, top: int, left: int) -> None:
    images = pictures(1, dtype=torch.float64)
    found = ZoomOut(size)(images, top=torch.tensor([top]), left=torch.tensor([left]))[0].numpy()
    small = resize(images, (size, size), "bicubic", antialias=True)[0].numpy()
    rest = (64 - size - top, 64 - size - left)
    assert np.array_equal(found, np.pad(small, ((0, 0), (top, rest[0]), (left, rest[1])), mode="symmetric"))


@pytest.mark.parametrize("pad", ["black", "other"])
def test_other_pads_leave_the_image_alone(pad: str) -> None:
    images, degradation = pictures(), ZoomOut(40, pad=pad, **IMAGENET)
    params = degradation.sample(SIZE, 4, generator=seeded())
    found, mirrored = degradation(images, **params), ZoomOut(40)(images, **params)
    for i, (top, left) in enumerate(zip(params["top"].tolist(), params["left"].tolist(), strict=True)):
        outside = torch.ones(SIZE, dtype=torch.bool)
        outside[top : top + 40, left : left + 40] = False
        assert torch.equal(found[i][:, ~outside], mirrored[i][:, ~outside])
        black = -(torch.tensor(IMAGENET["mean"]) / torch.tensor(IMAGENET["std"]))[:, None]
        expected = images[i - 2][:, outside] if pad == "other" else black.expand(-1, int(outside.sum()))
        torch.testing.assert_close(found[i][:, outside], expected)


def test_zoom_without_canvas() -> None:
    images, degradation = pictures(), ZoomOut(48, pad="none")
    small = F.interpolate(images, (48, 48), mode="bicubic", antialias=True)
    found = degradation(images, **degradation.sample(SIZE, 4))
    torch.testing.assert_close(found, F.interpolate(small, SIZE, mode="bilinear"), rtol=0, atol=1e-6)
