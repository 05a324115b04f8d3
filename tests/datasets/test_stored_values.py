"""What a file stores, of any number of channels and any type."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, UnidentifiedImageError

from mmmim.datasets.decode import decode_bytes
from mmmim.datasets.stored_values import stored_image

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (6, 9), dtype=np.uint16)
BANDS = RNG.uniform(-1, 1, (6, 9, 5)).astype(np.float32)


def saved(image: np.ndarray | Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(file, format, **options)
    return file.getvalue()


def array_file(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def tiff(values: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, photometric="minisblack", **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "content, kind, values",
    [
        (saved(RGB, "PNG"), "PNG RGB", RGB),
        (saved(RGB[..., 0], "PNG"), "PNG L", RGB[..., :1]),
        (saved(DEEP, "PNG"), "PNG I;16", DEEP[..., None]),
        (tiff(DEEP), "TIFF I;16", DEEP[..., None]),
        (tiff(BANDS, planarconfig="contig"), "TIFF", BANDS),
        (tiff(np.moveaxis(BANDS, 2, 0), planarconfig="separate"), "TIFF", BANDS),
        (array_file(BANDS), "NPY", BANDS),
        (array_file(DEEP), "NPY", DEEP[..., None]),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_values_are_those_of_the_file(content: bytes, kind: str, values: np.ndarray) -> None:
    found = stored_image(content)
    assert found.kind.replace("PNG I;16B", "PNG I;16") == kind and found.values.dtype == values.dtype
    np.testing.assert_array_equal(found.values, values)


def test_jpeg_is_decoded_as_in_training() -> None:
    for picture, channels in ((Image.fromarray(RGB), 3), (Image.fromarray(RGB[..., 0]), 1)):
        content = saved(picture, "JPEG")
        trained = decode_bytes(content, "a.jpg", channels).permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(stored_image(content).values, trained)


def test_palettes_become_colours_and_alpha_stays() -> None:
    assert stored_image(saved(Image.fromarray(RGB).quantize(8), "PNG")).values.shape == (6, 9, 3)
    assert stored_image(saved(Image.fromarray(RGB).convert("LA"), "PNG")).values.shape == (6, 9, 4)
    assert stored_image(saved(Image.fromarray(RGB).convert("CMYK"), "JPEG")).values.shape == (6, 9, 3)


@pytest.mark.parametrize("options", [{}, dict(compression="zlib"), dict(planarconfig="separate")], ids=str)
def test_a_fourth_band_is_no_alpha(options: dict[str, Any]) -> None:
    bands = RNG.integers(0, 256, (6, 9, 4), dtype=np.uint8)
    stored = np.moveaxis(bands, 2, 0) if "planarconfig" in options else bands
    file = io.BytesIO()
    tifffile.imwrite(file, stored, photometric="rgb", extrasamples=["unspecified"], **options)
    np.testing.assert_array_equal(stored_image(file.getvalue()).values, bands)
    for channels in (3, 4):
        read = decode_bytes(file.getvalue(), "a.tif", channels).permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(read, bands[..., :channels])


def test_what_is_no_image_is_named() -> None:
    with pytest.raises(UnidentifiedImageError, match="7 bytes in no format"):
        stored_image(b"nothing")
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        stored_image(array_file(np.zeros(3)))


def test_bands_are_read_without_a_complaint_of_pillow(capfd: pytest.CaptureFixture[str]) -> None:
    decode_bytes(tiff(BANDS, planarconfig="contig"), "a.tif", 5, (-1, 1))
    assert capfd.readouterr() == ("", "")
