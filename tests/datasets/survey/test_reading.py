from __future__ import annotations

from typing import Any

import pytest

from mmmim.datasets.survey import LookedAt, reading_of


def image(channels: int = 3, dtype: str = "uint8", high: float | list[float] = 255, **changes: Any) -> LookedAt:
    highs = tuple(high) if isinstance(high, list) else (high,) * channels
    facts = dict(part="", name="a", kind="PNG", height=8, width=8, channels=channels, dtype=dtype, digest=b"",
                 look=None, low=(0.0,) * channels, high=highs, mean=tuple(each / 2 for each in highs),
                 square=tuple(each**2 / 3 for each in highs))  # fmt: skip
    return LookedAt(**{**facts, **changes})


def test_photographs_are_usual() -> None:
    assert reading_of([image()]).is_usual
    assert reading_of([image(), image(1)]).is_usual  # grey ones among them


def test_alpha_is_dropped_with_a_remark() -> None:
    reading = reading_of([image(), image(4)])
    assert reading.is_usual and "alpha" in reading.remarks[0]


def test_grey_has_one_channel() -> None:
    reading = reading_of([image(1), image(1)])
    assert (reading.channels, reading.value_range, reading.mean, reading.std) == (1, None, (127.5,), (73.6,))


@pytest.mark.parametrize("high, expected", [(200, 255), (1000, 1023), (3900, 4095), (9000, 16383), (40_000, None)])
def test_16_bit_files_of_fewer_bits(high: float, expected: int | None) -> None:
    reading = reading_of([image(1, "uint16", high)])
    assert reading.value_range == (None if expected is None else (0, expected))
    whole = expected or 65535
    assert reading.mean[0] == pytest.approx(high / 2 / whole * 255, abs=0.06)


def test_bands_have_ranges_of_their_own() -> None:
    reading = reading_of([image(4, "float32", [1.0, 0.031, 2.96, 310.0], kind="NPY", low=(0.0, 0.0, -1.0, 251.0))])
    assert reading.value_range == [(0.0, 1.0), (0.0, 0.031), (-1.0, 3.0), (250.0, 310.0)]
    assert not reading.is_usual


def test_equal_ranges_are_one() -> None:
    assert reading_of([image(8, "uint16", 8998.0, kind="TIFF")]).value_range == (0.0, 9000.0)


def test_constant_channels_have_a_range_and_a_deviation() -> None:
    reading = reading_of([image(1, "float32", 5.0, low=(5.0,), mean=(5.0,), square=(25.0,))])
    assert reading.value_range == (5.0, 6.0) and reading.std == (1.0,)


def test_arrays_of_another_number_of_channels_are_named() -> None:
    reading = reading_of([*[image(4, kind="NPY")] * 3, image(6, kind="NPY", name="odd.npy")])
    assert reading.channels == 4
    assert "1 of 4 images" in reading.remarks[0] and "6 in odd.npy" in reading.remarks[0]


def test_several_types_have_no_range() -> None:
    reading = reading_of([image(1, "uint16", 4000), image(1)])
    assert reading.value_range is None and "several types (uint16, uint8)" in reading.remarks[0]
