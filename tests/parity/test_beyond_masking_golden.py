"""Golden values of Beyond Masking's degradations and losses, float64; images of the closed form below."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmmim.models.degradations import Fisheye, HorizontalWave, RandomKernelBlur, SaturationScale, ZoomIn, ZoomOut
from mmmim.models.heads import IntegratedZoomHead, ReconstructionHead
from mmmim.models.target_generators import IntegratedZoomTarget, PixelTarget

IMAGENET = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
TOLERANCE = dict(rel=0, abs=1e-8)


def picture(size: int = 224) -> Tensor:
    y, x = torch.meshgrid(*[torch.arange(size, dtype=torch.float64)] * 2, indexing="ij")
    return torch.stack(
        [
            0.5
            + 0.25 * torch.sin(2 * math.pi * (3 * x + 5 * y) / 224 + c)
            + 0.2 * torch.cos(2 * math.pi * 7 * x * y / 224**2 + c / 2)
            for c in range(3)
        ]
    )[None]


def rule(count: int, offset: int) -> Tensor:
    return ((7919 * torch.arange(count) + 104729 * offset) % 1009).double() / 1009 - 0.5


def one(*values: float) -> Tensor:
    return torch.tensor([values if len(values) > 1 else values[0]], dtype=torch.float64)


def corner(top: int, left: int) -> dict[str, Tensor]:
    return dict(top=torch.tensor([top]), left=torch.tensor([left]))


KERNEL = (0.02 * rule(243, 1).view(1, 3, 9, 9)) + 1 / 81
FISHEYE = dict(center=one(0.3, -0.4), twist=one(0.225))
WAVE = dict(amplitude=one(0.15), wavelength=one(0.5), phase=one(0.7))
ROWS = {
    "image": (None, {}, (0.497667730, 0.238706251, 0.710952043, 0.202672262, 0.138171342)),
    "zoom-in": (ZoomIn(160), {}, (0.497200831, 0.253649279, 0.515477395, 0.445248046, 0.513903155)),
    "zoom-in bilinear": (
        ZoomIn(160, interpolation="bilinear"),
        {},
        (0.497200193, 0.252911499, 0.516683685, 0.444542680, 0.516474730),
    ),
    "zoom-out": (ZoomOut(160), corner(41, 20), (0.500095437, 0.234750247, 0.616329434, 0.394634612, 0.081478641)),
    "zoom-out area": (
        ZoomOut(160, interpolation="area"),
        corner(41, 20),
        (0.500087876, 0.233685214, 0.630952926, 0.404155117, 0.094148817),
    ),
    "zoom-out 96 area": (
        ZoomOut(96, interpolation="area"),
        corner(128, 0),
        (0.497783503, 0.232802768, 0.645678844, 0.540703196, 0.569353654),
    ),
    "fisheye": (Fisheye(), FISHEYE, (0.485930733, 0.243424586, 0.799919827, 0.420802555, 0.343593244)),
    "wave": (HorizontalWave(), WAVE, (0.496564174, 0.238007537, 0.602001632, 0.220556988, 0.059674129)),
    "blur": (
        RandomKernelBlur(),
        dict(kernel=KERNEL),
        (0.483522255, 0.215726643, 0.704443345, 0.223300072, 0.169958401),
    ),
    "saturation .3": (SaturationScale(0.3), {}, (0.608352183, 0.192874500, 0.710952043, 0.395557490, 0.344313214)),
    "saturation 0": (SaturationScale(0.0), {}, (0.655788378, 0.192321344, 0.710952043, 0.478222588, 0.432659730)),
}


@pytest.mark.parametrize("name", ROWS)
def test_degradation(name: str) -> None:
    degradation, params, expected = ROWS[name]
    x = picture() if degradation is None else degradation(picture(), **params)
    found = (x.mean(), x.std(), x[0, 0, 10, 20], x[0, 2, 200, 7], x[0, 1, 111, 150])
    assert [float(value) for value in found] == pytest.approx(expected, rel=0, abs=1e-8)


@pytest.mark.parametrize("name", [name for name in ROWS if name != "image"])
def test_degradation_in_single_precision(name: str) -> None:
    degradation, params, expected = ROWS[name]
    x = degradation(picture().float(), **params)
    found = (x.mean(), x.std(), x[0, 0, 10, 20], x[0, 2, 200, 7], x[0, 1, 111, 150])
    assert [float(value) for value in found] == pytest.approx(expected, rel=0, abs=1e-4)


PREDICTION = 2 * rule(196 * 768, 3).view(1, 196, 768)
HIDDEN = (37 * torch.arange(196) % 196 >= 49)[None]


def test_loss_per_patch_and_channel() -> None:
    target = PixelTarget(norm_pix="patch_channel")(picture())
    assert target[0, 0, 0].item() == pytest.approx(-2.650243719, **TOLERANCE)
    loss = ReconstructionHead(scope="all").loss(PREDICTION, target)
    assert loss["loss_reconstruction"].item() == pytest.approx(1.329583897601, rel=0, abs=1e-11)


def test_loss_per_patch_and_channel_ignores_normalisation() -> None:
    mean, std = (torch.tensor(IMAGENET[name], dtype=torch.float64).view(3, 1, 1) / 255 for name in ("mean", "std"))
    target = PixelTarget(norm_pix="patch_channel", **IMAGENET)((picture() - mean) / std)
    torch.testing.assert_close(target, PixelTarget(norm_pix="patch_channel")(picture()), rtol=0, atol=1e-9)


def test_loss_per_patch() -> None:
    mean, std = (torch.tensor(IMAGENET[name], dtype=torch.float64).view(3, 1, 1) / 255 for name in ("mean", "std"))
    target = PixelTarget(norm_pix="patch")((picture() - mean) / std)
    assert target[0, 0, 0].item() == pytest.approx(-0.295077071, **TOLERANCE)
    loss = ReconstructionHead(scope="all").loss(PREDICTION, target)
    assert loss["loss_reconstruction"].item() == pytest.approx(1.331846210070, rel=0, abs=1e-11)


def integrated(raw: int, band_norm: str = "input", **head: str) -> list[float]:
    target = IntegratedZoomTarget(norm_pix="patch_channel", band_norm=band_norm)(picture(raw))
    losses = IntegratedZoomHead(**head).loss(PREDICTION, target, HIDDEN)  # type: ignore[arg-type]
    total = losses["loss_inner"] + losses["loss_outer"]
    return [float(losses["inner"]), float(losses["outer"]), float(total)]


@pytest.mark.parametrize(
    "raw, expected",
    [
        (320, (1.110820335609, 4.347535600248, 1.758163388537)),
        (288, (1.090939669559, 4.231061666589, 1.718964068965)),
    ],
)
def test_integrated_loss(raw: int, expected: tuple[float, ...]) -> None:
    assert integrated(raw) == pytest.approx(expected, rel=0, abs=1e-11)


def test_integrated_band() -> None:
    assert integrated(320, band_reduction="pixel_mean")[1] == pytest.approx(1.089481007, **TOLERANCE)
    crop = integrated(320, band_norm="crop", band_reduction="pixel_mean")[1]
    assert crop == pytest.approx(1.109173588, **TOLERANCE)


def test_integrated_strips() -> None:
    target = IntegratedZoomTarget(norm_pix="patch_channel")(picture(320))
    prediction = torch.nn.functional.interpolate(
        PREDICTION.view(1, 14, 14, 16, 16, 3).permute(0, 5, 1, 3, 2, 4).reshape(1, 3, 224, 224), 320, mode="area"
    )
    error = (prediction - target.outer).square()
    strips = (error[:, :, :48], error[:, :, -48:], error[:, :, 48:-48, :48], error[:, :, 48:-48, -48:])
    expected = (1.110721888, 1.092479793, 1.076900546, 1.067433374)
    assert [strip.mean().item() for strip in strips] == pytest.approx(expected, **TOLERANCE)
