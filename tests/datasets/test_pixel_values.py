from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from mmmim.datasets.decode import decode_image
from mmmim.datasets.transforms import ToUint8Tensor
from mmmim.errors import UsageError


def _deep_files(folder, values):
    """Files of gray ``values`` in every format that holds them exactly."""
    np.save(folder / "a.npy", values)
    tifffile.imwrite(folder / "a.tif", values)
    files = ["a.npy", "a.tif"]
    if values.dtype == np.uint16:
        Image.fromarray(values).save(folder / "a.png")
        (folder / "a.pgm").write_bytes(b"P5 4 1 65535\n" + values.astype(">u2").tobytes())
        files += ["a.png", "a.pgm"]
    return [folder / name for name in files]


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"]
)
def test_a_value_range_becomes_0_to_255(tmp_path, dtype):
    values = np.array([[1, 2, 51, 101]], dtype)  # of the range 1 .. 52
    for path in _deep_files(tmp_path, values):
        image = decode_image(path, 1, (1, 52))
        assert ToUint8Tensor()(image).flatten().tolist() == [0, 5, 250, 255], path


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "uint32", "int32", "int64", "float16", "float32", "float64", "bool"]
)
def test_values_of_unknown_range_are_refused(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.array([[0, 1, 1, 1]], dtype))
    with pytest.raises(UsageError, match=rf"a.npy: holds {dtype} values from 0 to 1, .*set dataset.value_range=\(low"):
        decode_image(tmp_path / "a.npy", 1)


def test_a_range_for_each_channel_and_nan(tmp_path):
    array = np.stack([np.full((2, 3), 10.0), np.full((2, 3), 0.5), np.full((2, 3), np.nan)], 2)
    np.save(tmp_path / "a.npy", array)
    image = decode_image(tmp_path / "a.npy", 3, [(0, 20), (-1, 1), (0, 1)])
    assert image[:, 0, 0].tolist() == [128, 191, 0]
    with pytest.raises(UsageError, match=r"value_range: 2 pairs, but .*a.npy has 3 channels"):
        decode_image(tmp_path / "a.npy", 3, [(0, 20), (-1, 1)])
