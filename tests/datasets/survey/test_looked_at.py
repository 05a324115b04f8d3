from __future__ import annotations

import io

import numpy as np
import pytest
from noise_pictures import as_8_bit, smooth_noise
from PIL import Image

from mmmim.datasets.survey import LookedAt
from mmmim.datasets.survey.looked_at import look_at


def png(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def test_facts_of_a_picture() -> None:
    pixels = as_8_bit(smooth_noise(0, (20, 30)))
    found = look_at(png(pixels), "ant/a.png", "train")
    assert (found.kind, found.height, found.width, found.channels, found.dtype) == ("PNG RGB", 20, 30, 3, "uint8")
    assert (found.path, found.folder, found.short_side, found.aspect) == ("train/ant/a.png", "ant", 20, 1.5)
    np.testing.assert_allclose(found.mean, pixels.reshape(-1, 3).mean(0))
    np.testing.assert_allclose(np.array(found.square) - np.square(found.mean), pixels.reshape(-1, 3).var(0), rtol=1e-6)


def test_values_of_arrays_stay_as_they_are() -> None:
    values = smooth_noise(0, channels=5) * 3 - 1
    values[0, 0, 0] = np.nan
    found = look_at(npy(values), "a.npy")
    assert (found.kind, found.channels, found.dtype) == ("NPY", 5, "float32")
    assert -1.0 <= min(found.low) < -0.5 and 1.5 < max(found.high) <= 2.0


def test_a_single_extreme_value_is_no_range() -> None:
    values = (smooth_noise(0, (64, 64), 1)[..., 0] * 4000).astype(np.uint16)
    values[3, 3] = 65535
    assert look_at(png(values), "a.png").high[0] <= 4000


def test_equal_bytes_have_equal_digests() -> None:
    one, other = (png(as_8_bit(smooth_noise(number))) for number in (0, 1))
    digests = [look_at(content, "a.png").digest for content in (one, one, other)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"no image", "no format that Pillow knows"),
        (npy(np.zeros((2, 2), complex)), "holds no pixels"),
        (npy(np.zeros((0, 4), np.uint8)), "holds no pixels"),
        (npy(np.zeros(4, np.uint8)), r"neither \(H, W\) nor"),
        (npy(np.full((2, 2), np.inf, np.float32)), "no finite value"),
        (png(as_8_bit(smooth_noise(0)))[:200], "truncated|Truncated"),
    ],
)
def test_what_is_no_image_raises_an_error(content: bytes, message: str) -> None:
    with pytest.raises(Exception, match=message):
        look_at(content, "a")


def test_large_images_are_not_read_pixel_by_pixel() -> None:
    found = look_at(png(np.zeros((600, 700), np.uint8)), "a.png")
    assert isinstance(found, LookedAt) and found.look is None and found.mean == (0.0,)
