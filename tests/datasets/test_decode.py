from __future__ import annotations

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from mmmim.datasets import ImageFolder
from mmmim.datasets.decode import decode_image
from mmmim.datasets.transforms import ToUint8Tensor
from mmmim.errors import UsageError


def _pixels(path, channels=3):
    return ToUint8Tensor()(decode_image(path, channels)).permute(1, 2, 0).numpy()


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def test_rgb_png_is_exact(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "a.png")
    assert np.array_equal(_pixels(tmp_path / "a.png"), rgb)


def test_rgba_loses_alpha_or_keeps_it(tmp_path, rgb):
    alpha = np.full((6, 9, 1), 7, np.uint8)
    Image.fromarray(np.concatenate([rgb, alpha], 2)).save(tmp_path / "a.png")
    assert np.array_equal(_pixels(tmp_path / "a.png"), rgb)
    assert np.array_equal(_pixels(tmp_path / "a.png", 4)[..., 3:], alpha)


def test_gray_becomes_three_equal_channels_and_colour_becomes_luminance(tmp_path, rgb):
    Image.fromarray(rgb[..., 0]).save(tmp_path / "gray.png")
    assert np.array_equal(_pixels(tmp_path / "gray.png"), np.repeat(rgb[..., :1], 3, 2))
    Image.fromarray(rgb).save(tmp_path / "rgb.png")
    luminance = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(_pixels(tmp_path / "rgb.png", 1)[..., 0] - luminance).max() <= 1


def test_cmyk_jpeg(tmp_path):
    Image.new("RGB", (16, 16), (200, 30, 60)).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    assert np.abs(_pixels(tmp_path / "a.jpg").astype(int) - (200, 30, 60)).max() <= 6


def test_palette_with_transparency(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert (_pixels(tmp_path / "a.png") == (10, 200, 30)).all()


def test_16_bit_png_spans_the_8_bit_range(tmp_path):
    values = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert _pixels(tmp_path / "a.png")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_dataset_refuses_them_before_anything_is_trained(tmp_path, rgb):
    for index in range(3):
        Image.fromarray(rgb).save(tmp_path / f"{index}.png")
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "z.tif")
    with pytest.raises(UsageError, match=r"z.tif: holds float32 values"):
        ImageFolder(str(tmp_path))
    assert len(ImageFolder(str(tmp_path), value_range=(0, 255))) == 4
    for wrong in ((3,), (1, 1), (0, float("inf")), [(0, 1), (2,)], "ab"):
        with pytest.raises(UsageError, match=r"value_range=.*give \(low, high\) with low < high"):
            ImageFolder(str(tmp_path), value_range=wrong)


@pytest.mark.parametrize("extension", ["png", "tif", "ppm"])
def test_colour_of_16_bits_keeps_them(tmp_path, extension):
    values = np.random.default_rng(0).integers(0, 65536, (6, 9, 3), dtype=np.uint16)
    path = tmp_path / f"a.{extension}"
    assert cv2.imwrite(str(path), values[..., ::-1])
    assert np.array_equal(_pixels(path), np.rint(values / 257).astype(np.uint8))
    narrow = ToUint8Tensor()(decode_image(path, 3, (0, 4095))).permute(1, 2, 0).numpy()
    assert np.array_equal(narrow, np.rint(np.clip(values / 4095, 0, 1) * 255).astype(np.uint8))


def test_16_bit_gray_is_turned_upright(tmp_path):
    values = np.array([[0, 257 * 9], [257 * 5, 65535], [0, 0]], np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(values))).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(_pixels(tmp_path / "a.png", 1)[..., 0], values // 257)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiff_with_many_channels(tmp_path, dtype, planar):
    array = np.random.default_rng(0).integers(0, 256, (5, 4, 7)).astype(dtype)
    stored = array if planar == "contig" else np.moveaxis(array, 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=planar)
    data = ImageFolder(str(tmp_path), channels=7, value_range=(0, 255))
    assert np.array_equal(data[0]["inputs"].permute(1, 2, 0).numpy(), array.astype(np.uint8))
    with pytest.raises(UsageError, match=r"got \(5, 4, 7\); set channels=7"):
        ImageFolder(str(tmp_path), channels=5, value_range=(0, 255))


def test_exif_rotation_is_applied(tmp_path, rgb):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored rotated by 90 degrees counter-clockwise
    Image.fromarray(np.rot90(rgb)).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(_pixels(tmp_path / "a.png"), rgb)


def test_numpy_array_with_many_channels(tmp_path):
    array = np.random.default_rng(0).integers(0, 65536, (5, 4, 7), dtype=np.uint16)
    np.save(tmp_path / "a.npy", array)
    image = decode_image(tmp_path / "a.npy", 7)
    assert image.shape == (7, 5, 4) and image.dtype == torch.uint8
    assert np.array_equal(image.permute(1, 2, 0).numpy(), np.rint(array / 257).astype(np.uint8))
    with pytest.raises(ValueError, match=r"\(H, W, 3\), got \(5, 4, 7\); set channels=7"):
        decode_image(tmp_path / "a.npy", 3)


def test_five_channels_of_a_png(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"channels: .*got 5; store such images as .npy"):
        decode_image(tmp_path / "a.png", 5)
