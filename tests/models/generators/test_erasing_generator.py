"""Random erasing in place of CIM's generator: which pixels are erased, what is seen there, what is scored."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from shipped import Shipped, build
from torch import Tensor

from mmmim.models.algorithms import CIM
from mmmim.models.generators import ErasingGenerator


def rectangles(erased: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether each of ``(B, 1, H, W)`` is one rectangle, its height and its width."""
    rows, columns = erased.any(3).squeeze(1), erased.any(2).squeeze(1)  # (B,H), (B,W)
    good = (erased.squeeze(1) == rows[:, :, None] & columns[:, None]).all(2).all(1)
    for side in (rows, columns):
        good &= F.pad(side.int(), (1, 1)).diff(dim=1).abs().sum(1) == 2  # one stretch
    return good, rows.sum(1), columns.sum(1)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("size", [(32, 32), (48, 96), (16, 128)], ids=str)
def test_one_rectangle_of_each_image_is_erased(channels: int, size: tuple[int, int]) -> None:
    images = torch.randn(64, channels, *size)
    made = ErasingGenerator(area=0.5)(images)
    erased, (height, width) = made.erased, size
    assert erased.shape == (64, 1, *size) and erased.dtype == torch.bool
    good, rows, columns = rectangles(erased)
    assert good.all()
    assert (rows * columns - height * width / 2).abs().max() <= (height + width) / 2 + 1  # sides are rounded
    everywhere = erased.expand_as(images)
    assert torch.equal(made.images[~everywhere], images[~everywhere])
    assert (made.images[everywhere] != images[everywhere]).all()
    assert made.replaced is None and made.losses == {} and not made.images.requires_grad


def test_aspect_ratios_are_log_uniform_among_those_that_fit() -> None:
    """As if drawn again until it fits: half of a square can be from half to twice as high as it is wide."""
    _, rows, columns = rectangles(ErasingGenerator(area=0.5)(torch.zeros(4000, 1, 128, 128)).erased)
    logs = (rows / columns).log()
    assert logs.abs().max() <= math.log(2) + 0.05
    assert logs.mean().abs() < 0.03 and logs.std().item() == pytest.approx(2 * math.log(2) / math.sqrt(12), rel=0.05)
    _, rows, columns = rectangles(ErasingGenerator(area=0.1, aspect=(2.0, 3.0))(torch.zeros(200, 1, 128, 128)).erased)
    assert (rows / columns).min() > 1.9 and (rows / columns).max() < 3.15


def test_areas_and_places_are_uniform() -> None:
    erased = ErasingGenerator(area=(0.1, 0.3))(torch.zeros(4000, 1, 64, 96)).erased
    share = erased.float().mean((1, 2, 3))
    assert 0.09 < share.min() < 0.11 and 0.29 < share.max() < 0.31
    assert share.mean().item() == pytest.approx(0.2, abs=0.01)
    often = erased.float().mean((0, 1))
    assert often.min() > 0  # corners, too
    torch.testing.assert_close(often, often.flip(0), rtol=0, atol=0.05)
    torch.testing.assert_close(often, often.flip(1), rtol=0, atol=0.05)


@pytest.mark.parametrize("mode", ["pixel", "rand", "const"])
def test_what_is_seen_in_place_of_erased_pixels(mode: str) -> None:
    made = ErasingGenerator(mode=mode)(torch.full((8, 4, 64, 64), 7.0))
    for image, erased in zip(made.images, made.erased[:, 0], strict=True):
        seen = image[:, erased]  # (C,n)
        if mode == "pixel":
            assert seen.std(1).sub(1).abs().max() < 0.1
        else:
            assert torch.equal(seen, seen[:, :1].expand_as(seen)) and seen.eq(0).all() == (mode == "const")


def test_whole_images() -> None:
    assert ErasingGenerator(area=1)(torch.zeros(3, 2, 10, 30)).erased.all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(area=0.0), "area=0.0"),
        (dict(area=(0.5, 1.5)), "area=.0.5, 1.5."),
        (dict(area=(0.5, 0.4)), "increasing"),
        (dict(aspect=(0.0, 1.0)), "aspect"),
        (dict(mode="noise"), "mode"),
    ],
)
def test_bad_arguments(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ErasingGenerator(**changes)


# ---------------------------------------------------------------- with an enhancer


RESNET = dict(
    type="mmmim.ResNet", depth=dict(block="basic", depths=(1, 1, 1, 1), channels=8), img_size=(64, 96), mask_mode=None
)


def enhancer(**changes: Any) -> CIM:
    settings: dict[str, Any] = dict(
        data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
        backbone=RESNET,
        generator=dict(type="mmmim.ErasingGenerator"),
        neck=dict(type="mmmim.LinearDecoder"),
        target_generator=dict(type="mmmim.PixelTarget", norm_pix="window_joint", window=8),
        head=dict(type="mmmim.ReconstructionHead", loss=dict(l1=1.0, l2=1.0), scope="all"),
    )
    return CIM(**(settings | changes)).train()


@pytest.mark.parametrize("downsample", [1, 4])
def test_only_erased_pixels_are_scored(downsample: int) -> None:
    target = dict(type="mmmim.PixelTarget", norm_pix="none", downsample=downsample)
    model, images = enhancer(target_generator=target), torch.randn(2, 3, 64, 96)
    torch.manual_seed(1)
    losses = model.loss(images)
    assert set(losses) == {"loss_reconstruction", "corrupted_mse"}
    torch.manual_seed(1)
    made = model.corrupt(images, model.draw_mask(images))
    values = model.neck(model.backbone(made.images)[-1])
    shown = F.avg_pool2d(model.target_generator.to_image(values, images), downsample)
    pixels = F.avg_pool2d(images, downsample)
    whole = F.max_pool2d((~made.erased).float(), downsample) == 0  # all pixels of a target value are erased
    difference = (shown - pixels)[whole.expand_as(pixels)]
    torch.testing.assert_close(losses["loss_reconstruction"], difference.abs().mean() + difference.square().mean())
    losses["loss_reconstruction"].backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_pictures_know_what_was_erased() -> None:
    images = torch.randn(2, 3, 64, 96)
    made = enhancer().predict(images)
    assert torch.equal(made["generator_mask"], (made["corrupted"] != images).any(1))
    assert not made["mask"].any() and made["mask"].shape == (2, 64, 96)  # nothing is hidden from the enhancer
    assert made["output"].shape == images.shape


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(masker=dict(type="mmmim.RandomMasker")), "ErasingGenerator chooses what it erases itself"),
        (dict(target_generator=dict(type="mmmim.ReplacedTokenTarget")), "ReplacedTokenTarget does not predict"),
        (dict(generator=dict(type="mmmim.TokenGenerator", tokenizer=dict(type="mmmim.TinyDVAE"))), "masker=None"),
    ],
)
def test_bad_configs(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        enhancer(**changes)


def test_the_row_of_the_table() -> None:
    model = build(Shipped("cim").row("corruption", "random-erasing-ft300"))
    assert isinstance(model.generator, ErasingGenerator) and model.generator.area == (0.5, 0.5)
    assert model.masker is None and model.target_generator.norm_pix == "window_joint"
