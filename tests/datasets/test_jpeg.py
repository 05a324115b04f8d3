"""JPEG files through libjpeg-turbo are the images that Pillow reads."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from mmmim.datasets import Collages, ImageFolder
from mmmim.datasets.decode import decode_bytes
from mmmim.datasets.jpeg import decode_jpeg


def photograph(side: int = 96, index: int = 0) -> Image.Image:
    loaded = Collages(index + 1, side, toy_share=0.0).load(index)
    assert isinstance(loaded, Image.Image)
    return loaded.crop((0, 0, side, side * 2 // 3))


def encoded(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def by_pillow(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_pixels_are_pillows(subsampling: int, progressive: bool) -> None:
    content = encoded(photograph(), quality=90, subsampling=subsampling, progressive=progressive)
    difference = decode_bytes(content, "a.jpg").permute(1, 2, 0).numpy().astype(int) - by_pillow(content)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(photograph(), exif=exif, quality=95)
    pixels = decode_jpeg(content, 3)
    assert pixels is not None and pixels.shape == by_pillow(content).shape
    assert np.abs(pixels.astype(int) - by_pillow(content)).max() <= 1


def test_an_orientation_in_xmp() -> None:
    packet = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
    plain = encoded(photograph())
    segment = b"\xff\xe1" + (2 + len(packet)).to_bytes(2, "big") + packet
    content = plain[:2] + segment + plain[2:]
    assert decode_bytes(content, "a.jpg").shape[1:] == by_pillow(content).shape[:2]  # old releases of Pillow look away


@pytest.mark.parametrize("mode, channels", [("CMYK", 3), ("RGB", 1), ("RGB", 4), ("L", 4)])
def test_what_has_to_be_converted_is_left_to_pillow(mode: str, channels: int) -> None:
    content = encoded(photograph().convert(mode))
    assert decode_jpeg(content, channels) is None
    assert decode_bytes(content, "a.jpg", channels).shape == (channels, 64, 96)


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_files(channels: int) -> None:
    gray = photograph().convert("L")
    pixels = decode_jpeg(encoded(gray, quality=100), channels)
    assert pixels is not None and pixels.shape == (64, 96, channels)
    assert np.abs(pixels.astype(int) - np.asarray(gray)[..., None]).max() <= 2


def test_a_file_with_bytes_after_its_end_is_read_and_a_cut_one_is_not() -> None:
    content = encoded(photograph())
    assert np.abs(decode_bytes(content + b"more", "a.jpg").permute(1, 2, 0).numpy() - by_pillow(content)).max() <= 1
    with pytest.raises(OSError, match="truncated"):
        decode_bytes(content[: len(content) // 2], "a.jpg")


# ---------------------------------------------------------------- smaller than the file says


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_a_smaller_image_is_decoded(factor: int) -> None:
    content = encoded(photograph(250), quality=95)  # 250 x 166, neither divides by 8
    asked = []

    def reduction(height: int, width: int) -> int:
        asked.append((height, width))
        return factor

    pixels = decode_bytes(content, "a.jpg", reduction=reduction)
    assert asked == [(166, 250)] and pixels.shape == (3, -(-166 // factor), -(-250 // factor))
    expected = Image.fromarray(by_pillow(content)).reduce(factor)
    assert np.abs(pixels.permute(1, 2, 0).numpy().astype(int) - np.asarray(expected)).mean() < 4


def test_a_turned_file_asks_with_its_upright_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    asked = []
    decode_bytes(encoded(photograph(), exif=exif), "a", reduction=lambda *size: asked.append(size) or 2)
    assert asked == [(96, 64)]


@pytest.mark.parametrize(
    "transforms, size",
    [
        ([dict(type="RandomResizedCrop", size=16, scale=(0.5, 1.0))], (83, 125)),
        ([dict(type="RandomResizedCrop", size=(16, 64), scale=(0.5, 1.0))], (166, 250)),
        ([dict(type="TwoSizeRandomResizedCrop", size=16, token_size=8, scale=(0.5, 1.0))], (83, 125)),
        ([dict(type="TwoSizeRandomResizedCrop", size=8, token_size=64, scale=(0.5, 1.0))], (166, 250)),
        ([dict(type="Resize", size=16)], (166, 250)),
        ([dict(type="RandomHorizontalFlip"), dict(type="RandomResizedCrop", size=16, scale=(0.5, 1.0))], (166, 250)),
        ([], (166, 250)),
    ],
)
def test_random_crops_of_large_images_are_decoded_smaller(tmp_path, transforms: list, size: tuple[int, int]) -> None:
    photograph(250).save(tmp_path / "a.jpg")
    assert tuple(ImageFolder(str(tmp_path), transforms=transforms).load(0).shape[-2:]) == size
