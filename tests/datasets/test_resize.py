"""Crops of uint8 tensors are those of Pillow, and the same on every machine."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from mmmim.datasets import Collages, build_transform
from mmmim.datasets.decode import decode_bytes, to_tensor
from mmmim.datasets.resize import RandomResizedCrop, crop_and_resize, crop_reduction, resize_uint8

CROP = dict(type="RandomResizedCrop", size=48, scale=(0.2, 1.0), interpolation="bicubic")


@pytest.mark.parametrize("mode", [InterpolationMode.BILINEAR, InterpolationMode.BICUBIC])
def test_crops_of_100_pictures_are_pillows(mode: InterpolationMode) -> None:
    """Mean absolute differences, in units of 0..255, from the file to the crop."""
    pictures, differences = Collages(100, 96, toy_share=0.0), []
    for index in range(len(pictures)):
        stream = io.BytesIO()
        Image.fromarray(to_tensor(pictures.load(index)).permute(1, 2, 0).numpy()).save(stream, "JPEG", quality=90)
        ours = decode_bytes(stream.getvalue(), "picture")
        torch.manual_seed(index)
        box = RandomResizedCrop.get_params(ours, [0.2, 1.0], [3 / 4, 4 / 3])
        with Image.open(stream) as image:
            pillows = np.asarray(F.resized_crop(image, *box, [48, 48], mode)).astype(int)
        crop = crop_and_resize(ours, box, (48, 48), mode).permute(1, 2, 0).numpy()
        differences.append(np.abs(crop - pillows).mean())
    assert np.mean(differences) < 0.2 and np.max(differences) < 1


@pytest.mark.parametrize("index", range(4))
def test_the_crop_is_torchvisions(index: int) -> None:
    image = torch.randint(0, 256, (3, 70, 90), dtype=torch.uint8)
    ours = build_transform(CROP)
    theirs = v2.RandomResizedCrop(48, (0.2, 1.0), interpolation=InterpolationMode.BICUBIC)
    crops = []
    for transform in (ours, theirs):
        torch.manual_seed(index)
        crops.append(transform(image))
    assert (crops[0].int() - crops[1].int()).abs().max() <= 1


@pytest.mark.parametrize("size", [32, [40], [32, 50], [50, 32]])
def test_the_size_is_torchvisions(size: int | list[int]) -> None:
    for shape in ((3, 70, 91), (3, 91, 70), (1, 64, 64), (5, 33, 40)):
        image = torch.randint(0, 256, shape, dtype=torch.uint8)
        ours = build_transform(dict(type="Resize", size=size, interpolation="bilinear"))(image)
        theirs = v2.Resize(size)(image)
        assert ours.shape == theirs.shape and (ours.int() - theirs.int()).abs().max() <= 1


def test_other_modes_and_types_are_torchvisions() -> None:
    image = torch.randint(0, 256, (3, 70, 90), dtype=torch.uint8)
    nearest = dict(size=(20, 30), interpolation=InterpolationMode.NEAREST)
    assert torch.equal(build_transform(dict(type="Resize", **nearest))(image), v2.Resize(**nearest)(image))
    rough = dict(size=(20, 30), antialias=False)
    assert torch.equal(build_transform(dict(type="Resize", **rough))(image), v2.Resize(**rough)(image))
    limited = dict(size=50, max_size=60)
    assert build_transform(dict(type="Resize", **limited))(image).shape == v2.Resize(**limited)(image).shape
    assert torch.equal(
        build_transform(dict(type="Resize", size=(20, 30)))(image.double()), v2.Resize((20, 30))(image.double())
    )


def test_pixels_stay_together_in_memory_and_the_type_is_kept() -> None:
    image = torch.randint(0, 256, (70, 90, 3), dtype=torch.uint8).permute(2, 0, 1)
    crop = build_transform(CROP)(image)
    assert crop.stride() == (1, 48 * 3, 3)
    assert type(build_transform(CROP)(tv_tensors.Image(image))) is tv_tensors.Image
    assert resize_uint8(image, (70, 90), InterpolationMode.BICUBIC) is image


def test_the_arithmetic_is_that_of_integers() -> None:
    """Golden losses and evaluations rest on it: other processors give the same bits."""
    generator = torch.Generator().manual_seed(0)
    digest = hashlib.sha256()
    for mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        for height, width in ((96, 96), (150, 97), (64, 64), (40, 30)):
            image = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8, generator=generator).permute(2, 0, 1)
            digest.update(resize_uint8(image, (64, 48), mode).contiguous().numpy().tobytes())
    assert digest.hexdigest()[:16] == "cf7be26ec9cfa11e"


@pytest.mark.parametrize(
    "image, size, scale, factor",
    [
        ((400, 470), (224, 224), (0.2, 1.0), 1),  # a photograph of ImageNet
        ((3000, 4000), (224, 224), (0.2, 1.0), 2),  # of a telephone
        ((3000, 4000), (96, 96), (0.2, 1.0), 4),
        ((3000, 4000), (32, 32), (0.2, 1.0), 8),
    ],
)
def test_reduction(image: tuple[int, int], size: tuple[int, int], scale: tuple[float, float], factor: int) -> None:
    assert crop_reduction(image, size, scale, (3 / 4, 4 / 3)) == factor
