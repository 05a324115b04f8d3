from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_packs import entry, pack

from mmmim.datasets import ImageFolder
from mmmim.errors import UsageError


def gradient(*shape: int) -> np.ndarray:
    return np.linspace(0, 255, int(np.prod(shape))).reshape(shape).astype(np.uint8)


def jpeg_with_exif(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise
    Image.fromarray(gradient(40, 60, 3)).save(path, exif=exif)


def transparent(path: Path) -> None:
    image = Image.fromarray(gradient(40, 60, 3)).convert("RGBA")
    image.putalpha(Image.fromarray(gradient(40, 60)))
    image.save(path)


def palette(path: Path) -> None:
    Image.fromarray(gradient(40, 60, 3)).quantize(16).save(path)


CASES: dict[str, tuple[Callable[[Path], None], str | None, str | None]] = {
    "colour.png": (lambda path: Image.fromarray(gradient(40, 60, 3)).save(path), "JPEG", "RGB"),
    "grey.png": (lambda path: Image.fromarray(gradient(40, 60)).save(path), "JPEG", "L"),
    "turned.jpg": (jpeg_with_exif, "JPEG", "RGB"),
    "transparent.png": (transparent, "PNG", "RGBA"),
    "opaque.webp": (lambda path: Image.new("RGBA", (60, 40), (1, 2, 3, 255)).save(path), "JPEG", "RGB"),
    "palette.gif": (palette, "JPEG", "RGB"),
    "cmyk.jpg": (lambda path: Image.new("CMYK", (60, 40)).save(path), "JPEG", "RGB"),
    "deep.png": (lambda path: Image.fromarray(gradient(40, 60).astype(np.uint16) * 257).save(path), None, None),
    "deep.tif": (lambda path: Image.fromarray(gradient(40, 60).astype(np.uint16) * 257).save(path), None, None),
    "array.npy": (lambda path: np.save(path, gradient(40, 60, 3)), None, None),
    "small.bmp": (lambda path: Image.new("RGB", (60, 20)).save(path), None, None),
}


@pytest.mark.parametrize("name", CASES)
def test_what_jpeg_makes_of_an_image(name: str, tmp_path: Path) -> None:
    write, form, mode = CASES[name]
    (tmp_path / "images").mkdir()
    write(tmp_path / "images" / name)
    assert pack(tmp_path / "images", tmp_path / "pack", size=20).unreadable == {}
    stored = entry(tmp_path, name)
    if form is None:
        assert stored == (tmp_path / "images" / name).read_bytes(), "kept as it is"
        return
    image = Image.open(io.BytesIO(stored))
    assert (image.format, image.mode) == (form, mode)
    assert image.size == ((20, 30) if name == "turned.jpg" else (30, 20))
    near = ImageFolder(f"{tmp_path}/pack")[0]["inputs"].float()
    resized = Image.open(tmp_path / "images" / name).convert("RGB").resize((30, 20), Image.Resampling.BICUBIC)
    if name != "turned.jpg":
        far = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float()
        assert (near - far).abs().mean() < 4


def test_alpha_and_the_colours_below_it_are_kept(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    transparent(tmp_path / "images" / "a.png")
    pack(tmp_path / "images", tmp_path / "pack", size=20)
    four, three = (ImageFolder(f"{tmp_path}/pack", channels=c)[0]["inputs"] for c in (4, 3))
    assert torch.equal(four[:3], three) and four[3].float().std() > 50
    assert three[:, 0].float().mean() < three[:, -1].float().mean() < 256


def test_other_numbers_of_channels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images" / "a.npy", gradient(40, 60, 7))
    pack(tmp_path / "images", tmp_path / "jpeg", channels=7, size=20)
    pack(tmp_path / "images", tmp_path / "pixels", channels=7, size=20, format="pixels")
    kept, smaller = (ImageFolder(f"{tmp_path}/{form}", channels=7)[0]["inputs"] for form in ("jpeg", "pixels"))
    assert kept.shape == (7, 40, 60) and smaller.shape == (7, 20, 30)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_have_the_channels_that_are_asked_for(channels: int, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(gradient(40, 60)).save(tmp_path / "images" / "grey.png")
    transparent(tmp_path / "images" / "transparent.png")
    pack(tmp_path / "images", tmp_path / "pack", channels=channels, size=20, format="pixels")
    data, folder = (ImageFolder(f"{tmp_path}/{name}", channels=channels) for name in ("pack", "images"))
    for index in range(2):
        assert data[index]["inputs"].shape == (channels, 20, 30)
        means = [each[index]["inputs"].float().mean((1, 2)) for each in (data, folder)]
        assert torch.allclose(*means, atol=2)
    other = 3 if channels != 3 else 1
    with pytest.raises(UsageError, match=rf"set channels={channels}"):
        ImageFolder(f"{tmp_path}/pack", channels=other)


def test_an_unknown_range_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images" / "a.npy", np.zeros((4, 4, 3), np.float32))
    with pytest.raises(UsageError, match=r"a\.npy: holds float32 values .*here with --channels N and --value-range"):
        pack(tmp_path / "images", tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


def test_a_value_range_is_applied_once(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images" / "a.npy", np.linspace(-1, 1, 48, dtype=np.float32).reshape(4, 4, 3))
    with pytest.raises(UsageError, match="value_range"):
        ImageFolder(f"{tmp_path}/images")
    for form in ("jpeg", "pixels"):
        pack(tmp_path / "images", tmp_path / form, format=form, value_range=(-1, 1))
    folder = ImageFolder(f"{tmp_path}/images", value_range=(-1, 1))[0]["inputs"]
    assert torch.equal(ImageFolder(f"{tmp_path}/pixels")[0]["inputs"], folder)
    assert torch.equal(ImageFolder(f"{tmp_path}/jpeg", value_range=(-1, 1))[0]["inputs"], folder)
    with pytest.raises(UsageError, match=r"value_range=\(-1, 1\): .*converted to 8 bits when they were packed; leave"):
        ImageFolder(f"{tmp_path}/pixels", value_range=(-1, 1))
