from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from mmmim.datasets import ToyImages, build_transform, seeded_sample
from mmmim.datasets.decode import to_tensor
from mmmim.datasets.transforms import draws_from_torch


@pytest.fixture
def image():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8))


def test_config_and_torchvision_agree(image):
    config = dict(type="RandomResizedCrop", size=24, scale=(0.2, 1.0), interpolation="bicubic")
    direct = v2.RandomResizedCrop(24, scale=(0.2, 1.0), interpolation=InterpolationMode.BICUBIC)
    for index in range(5):
        outputs = []
        for transform in (build_transform(config), direct):
            with seeded_sample(0, 0, index):
                outputs.append(np.asarray(transform(image)))
        assert np.array_equal(*outputs)


def test_nested_configs(image):
    config = dict(type="RandomApply", transforms=[dict(type="CenterCrop", size=10)], p=1.0)
    assert build_transform(config)(image).size == (10, 10)


def test_bare_names_are_ours_in_any_scope(image):
    init_default_scope("mmseg")
    try:
        assert build_transform(dict(type="Resize", size=[8, 9]))(image).size == (9, 8)
    finally:
        init_default_scope("mmmim")


def test_unknown_interpolation():
    with pytest.raises(ValueError, match="interpolation='bicubik' is unknown; did you mean 'bicubic'"):
        build_transform(dict(type="Resize", size=8, interpolation="bicubik"))


def test_rand_augment_is_timms(image):
    from timm.data.transforms_factory import create_transform

    timm = create_transform(
        50, is_training=True, auto_augment="rand-m9-mstd0.5-inc1", interpolation="bicubic", mean=(0.485, 0.456, 0.406)
    ).transforms[2]
    ours = build_transform(dict(type="RandAugment", policy="rand-m9-mstd0.5-inc1", img_size=50))
    for index in range(20):
        outputs = []
        for transform in (ours, timm):
            with seeded_sample(0, 0, index):
                outputs.append(np.asarray(transform(image)))
        assert np.array_equal(*outputs)


def test_rand_augment_policy():
    with pytest.raises(ValueError, match=r"policy: expected timm's notation .*got 'm9'"):
        build_transform(dict(type="RandAugment", policy="m9"))


def test_samples_stay_uint8():
    transforms = [dict(type="ToImage"), dict(type="ToDtype", dtype=torch.float32)]
    with pytest.raises(ValueError, match=r"samples stay uint8, got torch.float32; .*data preprocessor"):
        ToyImages(1, 16, transforms=transforms)[0]


def test_many_channels_go_through_the_same_transforms():
    data = ToyImages(
        2,
        32,
        channels=5,
        transforms=[
            dict(type="RandomResizedCrop", size=16, interpolation="bicubic"),
            dict(type="RandomHorizontalFlip"),
        ],
    )
    sample = data[0]["inputs"]
    assert sample.shape == (5, 16, 16) and sample.dtype == torch.uint8 and type(sample) is torch.Tensor


# ---------------------------------------------------------------- one crop, two sizes


def coordinates(height: int = 300, width: int = 400) -> Image.Image:
    """Red is the row, green the column."""
    rows, columns = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([rows * 255 / height, columns * 255 / width, 0 * rows], -1).astype(np.uint8))


@pytest.mark.parametrize("tensor", [False, True])
def test_both_sizes_show_the_same_crop(tensor: bool) -> None:
    pipeline = [
        build_transform(dict(type="TwoSizeRandomResizedCrop", size=64, token_size=(32, 32))),
        build_transform(dict(type="RandomHorizontalFlip", p=0.5)),
    ]
    image = coordinates()
    flipped = set()
    for seed in range(12):
        views = v2.functional.pil_to_tensor(image) if tensor else image
        torch.manual_seed(seed)
        for transform in pipeline:
            views = transform(views)
        large, small = (views[name].permute(1, 2, 0).numpy().astype(float) for name in ("inputs", "token_inputs"))
        assert large.shape == (64, 64, 3) and small.shape == (32, 32, 3)
        averaged = large.reshape(32, 2, 32, 2, 3).mean((1, 3))
        assert np.abs(averaged - small)[2:-2, 2:-2].max() < 3
        flipped.add(bool(large[0, 0, 1] > large[0, -1, 1]))
    assert flipped == {True, False}


def test_crop_in_two_sizes_is_the_crop_of_one_size() -> None:
    image = v2.functional.pil_to_tensor(coordinates())
    torch.manual_seed(4)
    views = build_transform(dict(type="TwoSizeRandomResizedCrop", size=64, token_size=32))(image)
    torch.manual_seed(4)
    crop = build_transform(dict(type="RandomResizedCrop", size=64, scale=(0.08, 1.0), interpolation="bicubic"))(image)
    assert torch.equal(views["inputs"], crop)


def test_views_become_keys_of_the_sample() -> None:
    crop = dict(type="TwoSizeRandomResizedCrop", size=32, token_size=16)
    sample = ToyImages(num_images=2, img_size=64, transforms=[crop])[1]
    assert {k: tuple(v.shape) for k, v in sample.items() if isinstance(v, torch.Tensor)} == {
        "inputs": (3, 32, 32), "token_inputs": (3, 16, 16),
    }  # fmt: skip
    assert sample["token_inputs"].dtype == torch.uint8


def test_unknown_interpolation_of_the_token_view() -> None:
    with pytest.raises(ValueError, match="token_interpolation"):
        build_transform(dict(type="TwoSizeRandomResizedCrop", token_interpolation="lanzcos"))


FROM_TORCH = [
    dict(type="RandomResizedCrop", size=24, interpolation="bicubic"),
    dict(type="RandomHorizontalFlip"),
    dict(type="ColorJitter", brightness=0.4, hue=0.1),
    dict(type="AutoAugment"),
    dict(type="TrivialAugmentWide"),
    dict(type="RandomErasing", p=1.0),
    dict(type="GaussianBlur", kernel_size=3),
    dict(type="TwoSizeRandomResizedCrop", size=24, token_size=12),
    dict(type="ToUint8Tensor"),
]


@pytest.mark.parametrize("config", FROM_TORCH, ids=lambda config: config["type"])
def test_what_is_said_to_draw_from_torch_draws_from_nothing_else(config: dict, image: Image.Image) -> None:
    transform = build_transform(config)
    assert draws_from_torch(transform)
    before = random.getstate(), np.random.get_state()[1].tolist()
    for _ in range(5):
        transform(to_tensor(image))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def double(image: Image.Image) -> Image.Image:
    return image


class OwnCrop(v2.RandomCrop):
    pass


UNKNOWN = [
    dict(type="RandAugment", policy="rand-m9"),
    dict(type="Lambda", lambd=double),
    dict(type="RandomApply", transforms=[dict(type="Lambda", lambd=double)]),
    double,
    OwnCrop(4),
]


@pytest.mark.parametrize("transform", UNKNOWN, ids=["RandAugment", "Lambda", "RandomApply", "function", "own"])
def test_what_may_draw_from_any_generator(transform: Callable | dict) -> None:
    assert not draws_from_torch(build_transform(transform))


def test_all_generators_are_seeded_where_a_transform_may_draw_from_any() -> None:
    draws = []

    def draw(image: torch.Tensor) -> torch.Tensor:
        draws.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
        return image

    images = ToyImages(2, 16, transforms=[draw])
    images[1], images[0], images[1]
    assert draws[0] == draws[2] and all(a != b for a, b in zip(*draws[:2], strict=True))
