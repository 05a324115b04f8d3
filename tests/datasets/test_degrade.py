from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image
from torch import Tensor

from mmmim.datasets import SampleKey, ToyImages, build_transform
from mmmim.models.data_preprocessors import ImagePreprocessor
from mmmim.models.degradations import DegradationSequence
from mmmim.registry import build_part

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
DEGRADATIONS: dict[str, Any] = {
    "zoom-in": dict(type="ZoomIn", size=24, location="random"),
    "zoom-out": dict(type="ZoomOut", size=16),
    "black": dict(type="ZoomOut", choices=[16, 24], pad="black"),
    "fisheye": dict(type="Fisheye"),
    "wave": dict(type="HorizontalWave"),
    "blur": dict(type="RandomKernelBlur", kernel_size=5),
    "saturation": dict(type="SaturationScale", scale=0.3),
    "centre": dict(type="CenterInput", input_size=16),
    "list": [dict(type="SaturationScale", scale=0), dict(type="Fisheye"), dict(type="ZoomOut", size=16)],
}


@pytest.fixture
def image() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(40, 216, (3, 32, 32), dtype=np.uint8))


def in_the_model(degradation: dict | list[dict], image: Tensor, seed: int) -> Tensor:
    """What the pre-training model does to a batch of one, as colours in 0..255."""
    preprocessor = ImagePreprocessor(MEAN, STD)
    steps = degradation if isinstance(degradation, list) else [degradation]
    known = dict(patch_size=8, in_channels=3, input_size=32, **preprocessor.statistics)
    module = DegradationSequence([build_part({**s, "type": f"mmmim.{s['type']}"}, **known) for s in steps])
    normalised = preprocessor(dict(inputs=image[None]))["inputs"]
    params = module.sample((32, 32), 1, generator=torch.Generator().manual_seed(seed))
    return (module(normalised, **params) * preprocessor.std + preprocessor.mean)[0]


@pytest.mark.parametrize("degradation", DEGRADATIONS.values(), ids=list(DEGRADATIONS))
def test_the_same_pixels_as_in_the_model(image: Tensor, degradation: dict | list[dict]) -> None:
    transform = build_transform(dict(type="Degrade", degradation=degradation, mean=MEAN, std=STD))
    torch.manual_seed(5)
    degraded = transform(image)
    expected = in_the_model(degradation, image, 5)
    assert degraded.dtype == torch.uint8 and degraded.shape == expected.shape
    assert (degraded.float() - expected.clamp(0, 255)).abs().max() <= 0.5 + 1e-3
    assert degraded.shape != image.shape or (degraded != image).float().mean() > 0.5


def test_pil_images_and_plain_colours(image: Tensor) -> None:
    transform = build_transform(dict(type="Degrade", degradation=dict(type="SaturationScale", scale=0)))
    degraded = transform(Image.fromarray(image.permute(1, 2, 0).numpy()))
    assert degraded.equal(image.amax(0).expand(3, -1, -1))


def test_out_of_range_values_are_cut(image: Tensor) -> None:
    blur = dict(type="RandomKernelBlur", kernel_size=5, kernel_mean=1.0, kernel_std=0.0)
    transform = build_transform(dict(type="Degrade", degradation=blur))
    assert (transform(image) == 255).all()


def test_a_sample_is_a_function_of_seed_epoch_and_index() -> None:
    dataset = ToyImages(8, 32, transforms=[dict(type="Degrade", degradation=dict(type="Fisheye"))])
    first = dataset[SampleKey(0, 1, 3)]["inputs"]
    dataset[SampleKey(0, 1, 4)]
    torch.rand(7)
    assert first.equal(dataset[SampleKey(0, 1, 3)]["inputs"])
    others = [dataset[key]["inputs"] for key in (SampleKey(1, 1, 3), SampleKey(0, 2, 3))]
    assert not any(first.equal(other) for other in others)


def test_the_preprocessor_takes_what_comes_out() -> None:
    dataset = ToyImages(1, 32, transforms=[dict(type="Degrade", degradation=DEGRADATIONS["list"], mean=MEAN, std=STD)])
    assert ImagePreprocessor()(dict(inputs=dataset[0]["inputs"][None]))["inputs"].shape == (1, 3, 32, 32)


def test_bare_names_are_ours_in_any_scope(image: Tensor) -> None:
    init_default_scope("mmseg")
    try:
        assert build_transform(dict(type="Degrade", degradation=dict(type="Fisheye")))(image).shape == image.shape
    finally:
        init_default_scope("mmmim")


def test_what_it_cannot_degrade(image: Tensor) -> None:
    transform = build_transform(dict(type="Degrade", degradation=dict(type="Fisheye")))
    with pytest.raises(ValueError, match="samples stay uint8"):
        transform(image.float())
    with pytest.raises(ValueError, match="degrades nothing"):
        build_transform(dict(type="Degrade", degradation=[]))
