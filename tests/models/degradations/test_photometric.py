"""The strong view of ConMIM: batched on the device, equal to one image at a time, rates as published."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from mmmim.models.degradations import PhotometricView
from mmmim.models.degradations.photometric import gaussian_blur, shift_hue

OFF = dict(jitter_p=0.0, grayscale_p=0.0, blur_p=0.0, solarize_p=0.0)
IMAGENET = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))


def pictures(batch: int = 8, size: tuple[int, int] = (48, 64)) -> Tensor:
    """Smooth colour images: photographs, not noise, are what the tolerances are for."""
    coarse = torch.rand(batch, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_by_one(images: Tensor, params: dict[str, Tensor]) -> Tensor:
    """The reference: torchvision's float operations on each image, in its own order."""
    jitter = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
    changed = []
    for b, image in enumerate(images):
        for index in params["order"][b].tolist():
            if index >= 0:
                image = jitter[index](image, params["factors"][b, index].item())
        if params["grayscale"][b]:
            image = F.rgb_to_grayscale(image, num_output_channels=3)
        if params["blur"][b]:
            padded = torch.nn.functional.pad(image[None], [8] * 4, mode="replicate")[0]
            image = F.gaussian_blur(padded, [17, 17], [params["sigma"][b].item()] * 2)[:, 8:-8, 8:-8]
        if params["solarize"][b]:
            image = torch.where(image >= 128 / 255, 1 - image, image)
        changed.append(image)
    return torch.stack(changed)


def test_batch_equals_torchvision_image_by_image() -> None:
    images, view = pictures(64), PhotometricView(grayscale_p=0.2, blur_p=0.5)
    params = view.sample((48, 64), 64, generator=seeded())
    assert len({tuple(order) for order in params["order"].tolist()}) > 10
    found, expected = view(images, **params), one_by_one(images, params)
    near_threshold = (expected - 128 / 255).abs().amin(1, keepdim=True) < 1e-3
    near_threshold |= (1 - expected - 128 / 255).abs().amin(1, keepdim=True) < 1e-3
    difference = (found - expected).abs().masked_fill(near_threshold, 0)
    assert difference.max() < 2e-4 and difference.mean() < 3e-5  # torchvision rounds its luma weights to 4 digits


def test_images_do_not_depend_on_their_batch() -> None:
    images, view = pictures(8), PhotometricView(**IMAGENET)
    params = view.sample((48, 64), 8, generator=seeded())
    whole = view(images, **params)
    single = torch.cat([view(images[i : i + 1], **{k: v[i : i + 1] for k, v in params.items()}) for i in range(8)])
    torch.testing.assert_close(whole, single, rtol=0, atol=1e-5)


def test_normalised_images_change_as_colours_do() -> None:
    mean, std = (torch.tensor(IMAGENET[name]).view(3, 1, 1) / 255 for name in ("mean", "std"))
    images, view = pictures(), PhotometricView(**IMAGENET, solarize_p=0.0)
    params = view.sample((48, 64), 8, generator=seeded())
    found = view((images - mean) / std, **params) * std + mean
    torch.testing.assert_close(found, PhotometricView(solarize_p=0.0)(images, **params), rtol=0, atol=1e-5)


def pil(image: Tensor) -> Image.Image:
    return Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy())


def from_pil(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255


@pytest.mark.parametrize(
    "index, factor, reference, tolerance",
    [
        (0, 1.3, lambda image: ImageEnhance.Brightness(image).enhance(1.3), 1),
        (1, 0.7, lambda image: ImageEnhance.Contrast(image).enhance(0.7), 1),
        (2, 1.2, lambda image: ImageEnhance.Color(image).enhance(1.2), 1),
        (3, 0.1, lambda image: F.adjust_hue(image, 0.1), 3),
    ],
)
def test_jitter_is_close_to_pil(index: int, factor: float, reference, tolerance: float) -> None:
    images = pictures(4)
    factors, order = torch.ones(4, 4), torch.full((4, 4), -1)
    factors[:, index], order[:, 0] = factor, index
    params = dict(PhotometricView(**OFF).sample((48, 64), 4), factors=factors, order=order)
    found = PhotometricView(**OFF)(images, **params)
    expected = torch.stack([from_pil(reference(pil(image))) for image in images])
    assert (found - expected).abs().mean() < tolerance / 255


def test_other_operations_are_close_to_pil() -> None:
    images = pictures(4)
    none = PhotometricView(**OFF).sample((48, 64), 4)
    every = torch.ones(4, dtype=torch.bool)
    gray = PhotometricView()(images, **dict(none, grayscale=every))
    assert (gray - torch.stack([from_pil(pil(x).convert("L").convert("RGB")) for x in images])).abs().mean() < 1 / 255
    for sigma in (0.3, 1.0, 2.0):
        blurred = PhotometricView()(images, **dict(none, blur=every, sigma=torch.full((4,), sigma)))
        expected = torch.stack([from_pil(pil(x).filter(ImageFilter.GaussianBlur(sigma))) for x in images])
        assert (blurred - expected).abs().mean() < 3 / 255
    solarized = PhotometricView()(images, **dict(none, solarize=every))
    expected = torch.stack([from_pil(ImageOps.solarize(pil(x), 128)) for x in images])
    clear = (images - 128 / 255).abs() > 2 / 255
    assert ((solarized - expected).abs()[clear] < 2 / 255).all()


def test_nothing_drawn_changes_nothing() -> None:
    images, view = pictures(), PhotometricView(**OFF)
    torch.testing.assert_close(view(images, **view.sample((48, 64), 8)), images, rtol=0, atol=1e-7)


def test_hue_comes_round() -> None:
    images = pictures().double()
    third = torch.full((8, 1, 1, 1), 1 / 3, dtype=torch.float64)
    torch.testing.assert_close(shift_hue(images, third), images[:, [2, 0, 1]])
    torch.testing.assert_close(shift_hue(shift_hue(images, 0.2 * 3 * third), -0.2 * 3 * third), images)
    torch.testing.assert_close(gaussian_blur(torch.ones_like(images), third), torch.ones_like(images))


def test_rates_and_ranges() -> None:
    params = PhotometricView().sample((8, 8), 100_000, generator=seeded())
    jitter = params["order"][:, 0] >= 0
    for drawn, share in ((jitter, 0.8), (params["grayscale"], 0.2), (params["blur"], 0.1), (params["solarize"], 0.2)):
        assert drawn.float().mean().item() == pytest.approx(share, abs=0.005)
    ranges = [(0.6, 1.4), (0.6, 1.4), (0.8, 1.2), (-0.1, 0.1)]
    for column, (low, high) in zip(params["factors"].unbind(1), ranges, strict=True):
        assert low <= column.min() < low + 0.001 and high - 0.001 < column.max() <= high
    assert params["sigma"].min() >= 0.1 and 1.99 < params["sigma"].max() <= 2
    orders = params["order"][jitter]
    assert (orders.sort(1).values == torch.arange(4)).all()
    counts = (orders * torch.tensor([64, 16, 4, 1])).sum(1).unique(return_counts=True)[1]
    assert len(counts) == 24 and (counts / len(orders) - 1 / 24).abs().max() < 0.003


@pytest.mark.parametrize(
    "settings, problem",
    [
        (dict(jitter_p=1.5), "jitter_p=1.5"),
        (dict(brightness=-0.1), "brightness=-0.1"),
        (dict(hue=0.6), "hue=0.6"),
        (dict(blur_sigma=(0.1, 3.0)), "blur_sigma"),
    ],
)
def test_bad_arguments(settings: dict, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        PhotometricView(**settings)


def test_needs_three_channels() -> None:
    with pytest.raises(ValueError, match="RGB images, got 1"):
        PhotometricView()(pictures()[:, :1], **PhotometricView().sample((48, 64), 8))
