from __future__ import annotations

import io

import numpy as np
import pytest
from noise_pictures import as_8_bit, smooth_noise
from PIL import Image

from mmmim.datasets.survey import likeness
from mmmim.datasets.survey.likeness import Look, alike


def stored_otherwise(pixels: np.ndarray, how: str) -> np.ndarray:
    picture = Image.fromarray(pixels)
    if how == "small":
        return np.asarray(picture.resize((48, 48), Image.Resampling.BICUBIC))
    if how == "dark":
        return (pixels * 0.7).astype(np.uint8)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("how", ["small", "dark", "jpeg"])
def test_a_picture_that_is_stored_otherwise_is_found(how: str) -> None:
    pictures = [as_8_bit(smooth_noise(number, (96, 96))) for number in range(20)]
    looks = [Look.of(pixels) for pixels in [*pictures, stored_otherwise(pictures[7], how)]]
    assert alike(looks) == [(7, 20)]


def test_each_picture_is_told_once_however_many_are_alike() -> None:
    same = [Look.of(as_8_bit(smooth_noise(1)))] * 4
    assert alike([None, *same]) == [(1, 2), (1, 3), (1, 4)]


def test_pairs_do_not_depend_on_how_many_are_compared_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [Look.of(as_8_bit(smooth_noise(number % 9))) for number in range(20)]
    expected = alike(looks)
    assert len(expected) == 11
    monkeypatch.setattr(likeness, "AT_A_TIME", 60)
    assert alike(looks) == expected


def test_equal_hashes_alone_are_not_enough() -> None:
    one = Look.of(as_8_bit(smooth_noise(1)))
    other = Look.of(as_8_bit(smooth_noise(2)))
    assert one is not None and other is not None
    assert alike([one, other._replace(bits=one.bits)]) == []


def test_flat_images_look_like_nothing() -> None:
    assert Look.of(np.full((8, 8, 3), 7, np.uint8)) is None
    assert Look.of(np.full((8, 8, 1), np.nan, np.float32)) is None
    assert alike([None, None]) == [] == alike([])


def test_12_bits_in_16_are_not_flat() -> None:
    assert Look.of((smooth_noise(3, channels=1) * 600).astype(np.uint16)) is not None


def test_bits_are_counted_without_numpy_2(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.array([[0, 1, 255, 2**64 - 1]], np.uint64)
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert likeness._count_bits(values).tolist() == [[0, 1, 8, 64]]
