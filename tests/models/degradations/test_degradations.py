"""What holds for every degradation (Beyond Masking, tasks a to e), and their limits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from degraded import IMAGENET, SIZE, pictures, seeded
from many_degradations import every, name_of

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


def test_strong_twist_warns() -> None:
    with pytest.warns(UserWarning, match="black padding becomes visible"):
        Fisheye((0.3, 0.4))
