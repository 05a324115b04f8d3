"""Invariants of the degradations (Beyond Masking, tasks a to e) and their limits."""

from __future__ import annotations

import colorsys
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.models.degradations import (
    CenterInput,
    Degradation,
    DegradationSequence,
    Fisheye,
    HorizontalWave,
    RandomKernelBlur,
    SaturationScale,
    ZoomIn,
    ZoomOut,
)
from mmmim.models.degradations.warp import base_grid
from mmmim.models.degradations.zoom import resize

IMAGENET = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
SIZE = (64, 64)


def pictures(batch: int = 4, size: tuple[int, int] = SIZE, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(0)).to(dtype)


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def every() -> list[Degradation]:
    return [
        ZoomIn(48),
        ZoomIn(48, location="random"),
        ZoomOut(48),
        ZoomOut(24, interpolation="area"),
        ZoomOut(choices=[24, 32, 48]),
        ZoomOut(48, pad="black", **IMAGENET),
        ZoomOut(48, pad="none"),
        Fisheye(),
        Fisheye(raw_size=64, input_size=48),
        HorizontalWave(),
        RandomKernelBlur(),
        RandomKernelBlur(choices=[3, 5, 9]),
        RandomKernelBlur(init="xavier"),
        SaturationScale(),
        SaturationScale(mode="luma"),
        CenterInput(48),
        DegradationSequence([SaturationScale(0.3), ZoomOut(48), RandomKernelBlur(5)]),
    ]


def name_of(degradation: Degradation) -> str:
    return type(degradation).__name__


# ---------------------------------------------------------------- contract


@pytest.mark.parametrize("degradation", every(), ids=name_of)
def test_a_batch_is_its_images(degradation: Degradation) -> None:
    images = pictures()
    params = degradation.sample(SIZE, 4, generator=seeded())
    whole = degradation(images, **params)
    assert whole.shape == (4, 3, *degradation.output_size(SIZE)) and whole.dtype == images.dtype
    assert degradation.clean(images).shape[-2:] in (degradation.output_size(SIZE), SIZE)
    single = [degradation(images[i : i + 1], **{k: v[i : i + 1] for k, v in params.items()}) for i in range(4)]
    torch.testing.assert_close(whole, torch.cat(single), rtol=0, atol=1e-5)
    order = torch.tensor([2, 0, 3, 1])
    permuted = degradation(images[order], **{k: v[order] for k, v in params.items()})
    torch.testing.assert_close(permuted, whole[order], rtol=0, atol=1e-5)


@pytest.mark.parametrize("degradation", every(), ids=name_of)
def test_any_memory_layout_and_no_images(degradation: Degradation) -> None:
    images = pictures()
    params = degradation.sample(SIZE, 4, generator=seeded())
    expected = degradation(images, **params)
    last = images.to(memory_format=torch.channels_last)
    torch.testing.assert_close(degradation(last, **params), expected, rtol=0, atol=1e-5)
    strided = pictures(8)[::2]
    assert not strided.is_contiguous()
    torch.testing.assert_close(degradation(strided, **params), degradation(strided.clone(), **params))
    none = degradation(images[:0], **degradation.sample(SIZE, 0))
    assert none.shape == (0, *expected.shape[1:])


@pytest.mark.parametrize("degradation", every(), ids=name_of)
def test_same_generator_same_images(degradation: Degradation) -> None:
    draws = [degradation(pictures(), **degradation.sample(SIZE, 4, generator=seeded(s))) for s in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], draws[2]) == (not degradation.sample(SIZE, 4))


@pytest.mark.parametrize(
    "degradation",
    [ZoomIn((48, 72)), ZoomOut((48, 72)), ZoomOut(choices=[(32, 48), (48, 72)]), Fisheye(), RandomKernelBlur()],
    ids=name_of,
)
def test_images_need_not_be_square(degradation: Degradation) -> None:
    size = (64, 96)
    images = pictures(3, size)
    assert degradation(images, **degradation.sample(size, 3)).shape == images.shape


@pytest.mark.parametrize("degradation", every(), ids=name_of)
@pytest.mark.parametrize(
    "images, problem",
    [
        (torch.zeros(2, 3, *SIZE, dtype=torch.uint8), "floating point images, got torch.uint8"),
        (torch.zeros(3, *SIZE), r"expected \(B, C, H, W\)"),
        (torch.full((2, 3, *SIZE), float("nan")), "not finite"),
    ],
)
def test_bad_images(degradation: Degradation, images: Tensor, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        degradation(images, **degradation.sample(SIZE, 2))


# ---------------------------------------------------------------- identity


def test_doing_nothing_changes_no_bit() -> None:
    images = pictures()
    delta = torch.zeros(4, 3, 5, 5)
    delta[:, :, 2, 2] = 1
    origin = dict(top=torch.zeros(4, dtype=torch.long), left=torch.zeros(4, dtype=torch.long))
    assert torch.equal(ZoomIn(64)(images), images)
    assert torch.equal(ZoomOut(64)(images, **origin), images)
    assert torch.equal(RandomKernelBlur(5)(images, kernel=delta), images)
    assert torch.equal(SaturationScale(1.0, **IMAGENET)(images), images)
    still = Fisheye(twist=(0, 0))
    assert torch.equal(still(images, **still.sample(SIZE, 4)), images)
    flat = HorizontalWave(amplitude=(0, 0))
    assert torch.equal(flat(images, **flat.sample(SIZE, 4)), images)


def test_doing_nothing_through_the_grid() -> None:
    images = pictures(2)
    center, zero = torch.tensor([[0.3, -0.4]] * 2), torch.zeros(2)
    torch.testing.assert_close(Fisheye()(images, center=center, twist=zero), images, rtol=0, atol=5e-5)
    wave = HorizontalWave()(images, amplitude=zero, wavelength=torch.ones(2), phase=zero)
    torch.testing.assert_close(wave, images, rtol=0, atol=5e-5)


# ---------------------------------------------------------------- zoom


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


def test_center_input() -> None:
    crops = pictures(2, (96, 96))
    degradation = CenterInput(64)
    assert torch.equal(degradation(crops), crops[:, :, 16:80, 16:80])
    torch.testing.assert_close(degradation.clean(crops), F.interpolate(crops, SIZE, mode="area"))
    assert CenterInput(64, target="crop").clean(crops) is crops


# ---------------------------------------------------------------- warps


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


# ---------------------------------------------------------------- blur


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


# ---------------------------------------------------------------- saturation


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


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "build, problem",
    [
        (lambda: ZoomIn(40, patch_size=16), "size=40 must be a multiple of the patch size 16x16; take 32"),
        (lambda: ZoomIn(8, patch_size=16), "size=8 must be a multiple"),
        (lambda: ZoomOut(40, patch_size=16), "size=40 must be a multiple"),
        (lambda: ZoomOut(choices=[32, 40], patch_size=16), "choices=40 must be a multiple"),
        (lambda: ZoomOut(choices=[]), "offers no size"),
        (lambda: ZoomIn(location="left"), "location='left'"),
        (lambda: ZoomOut(pad="white"), "pad='white'"),
        (lambda: RandomKernelBlur(8), "kernel_size=8: kernels have odd sizes"),
        (lambda: RandomKernelBlur(0), "kernel_size=0"),
        (lambda: RandomKernelBlur(choices=[5, 6]), r"choices=\[5, 6\]"),
        (lambda: RandomKernelBlur(kernel_std=-1), "kernel_std=-1"),
        (lambda: RandomKernelBlur(init="zeros"), "init='zeros'"),
        (lambda: Fisheye((-0.1, 0.2)), r"twist=\(-0.1, 0.2\) must be"),
        (lambda: Fisheye((0.3, 0.2)), r"twist=\(0.3, 0.2\)"),
        (lambda: Fisheye(raw_size=225, input_size=224), "even number"),
        (lambda: Fisheye(raw_size=200, input_size=224), "larger than the input"),
        (lambda: Fisheye(ensure_coverage=True), "needs raw_size"),
        (lambda: HorizontalWave(amplitude=(0.1, 0.5)), "below 0.5"),
        (lambda: HorizontalWave(wavelength=(0, 1)), "above 0"),
        (lambda: SaturationScale(1.1), "scale=1.1"),
        (lambda: SaturationScale(mode="hsl"), "mode='hsl'"),
        (lambda: CenterInput(target="input"), "target='input'"),
        (lambda: DegradationSequence([]), "degrades nothing"),
    ],
)
def test_bad_arguments(build: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        build()


def test_sizes_that_are_no_whole_patches_on_request() -> None:
    assert ZoomIn(40, patch_size=16, strict=False)(pictures()).shape == (4, 3, 64, 64)


@pytest.mark.parametrize(
    "degradation, size, problem",
    [
        (ZoomIn(96), SIZE, "size=96 is larger than the image of 64x64"),
        (ZoomOut(96), SIZE, "size=96 is larger than the image of 64x64"),
        (ZoomIn(48), (64, 96), "size=48 is a square, but images have 64x96 pixels"),
        (CenterInput(64), (48, 48), "larger than the input of 64x64"),
        (CenterInput(64), (95, 95), "even number of pixels"),
        (Fisheye(raw_size=96, input_size=64), SIZE, "the crops have 64x64 pixels"),
    ],
)
def test_images_of_the_wrong_size(degradation: Degradation, size: tuple[int, int], problem: str) -> None:
    images = pictures(2, size)
    with pytest.raises(ValueError, match=problem):
        degradation(images, **degradation.sample(size, 2))


def test_other_bad_images() -> None:
    one = pictures(1)
    with pytest.raises(ValueError, match="another image of the batch, and a process has 1;"):
        ZoomOut(48, pad="other")(one, **ZoomOut(48).sample(SIZE, 1))
    with pytest.raises(ValueError, match=r"colours between .*, expected \[0, 1\]"):
        SaturationScale()(one * 2)
    assert SaturationScale()(one * 1.0005).isfinite().all()
    with pytest.raises(ValueError, match="needs RGB images, got 1 channels"):
        SaturationScale()(one[:, :1])
    with pytest.raises(ValueError, match="set in_channels=1"):
        RandomKernelBlur()(one[:, :1], **RandomKernelBlur().sample(SIZE, 1))


def test_strong_twist_warns() -> None:
    with pytest.warns(UserWarning, match="black padding becomes visible"):
        Fisheye((0.3, 0.4))
