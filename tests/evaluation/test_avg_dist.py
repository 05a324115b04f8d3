"""AvgDist against brute force and against numbers that can be worked out by hand."""

import warnings

import numpy as np
import pytest
import torch

from mmmim.evaluation import avg_dist
from mmmim.models.layers import PatchMask
from mmmim.models.maskers import RandomMasker


def brute_force(mask: np.ndarray) -> float:
    masked, visible = np.argwhere(mask), np.argwhere(~mask)
    squares = ((masked[:, None] - visible[None]) ** 2).sum(2)  # (masked, visible)
    return float(np.sqrt(squares.min(1)).mean())


def isolated(side: int) -> np.ndarray:
    mask = np.zeros((192, 192), bool)
    start = (192 - side) // 2
    mask[start : start + side, start : start + side] = True
    return mask


def checkerboard(cell: int) -> np.ndarray:
    rows, columns = np.indices((192 // cell, 192 // cell))
    return (rows + columns) % 2 == 1


@pytest.mark.parametrize("cell", [1, 2, (1, 3), (4, 2)])
@pytest.mark.parametrize("grid", [(12, 12), (5, 11), (17, 4), (1, 9)])
@pytest.mark.parametrize("ratio", [0.2, 0.6, 0.95])
def test_equals_brute_force(grid, cell, ratio):
    masks = np.random.default_rng(0).random((3, *grid)) < ratio
    masks[:, 0, 0], masks[:, -1, -1] = True, False
    rows, columns = (cell, cell) if isinstance(cell, int) else cell
    expected = [brute_force(mask.repeat(rows, 0).repeat(columns, 1)) for mask in masks]
    assert avg_dist(masks, cell) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("side", [4, 8, 16, 32, 64, 96, 128])
def test_isolated_square(side):
    """The nearest visible pixel lies straight across the nearest edge."""
    assert avg_dist(isolated(side)) == pytest.approx((side + 1) * (side + 2) / (6 * side), abs=1e-9)


@pytest.mark.parametrize(("cell", "value"), [(32, 7.026042), (16, 3.443576), (8, 1.931858), (4, 1.261068)])
def test_checkerboards(cell, value):
    assert avg_dist(checkerboard(cell), cell) == pytest.approx(value, abs=5e-7)


def test_the_border_of_the_image_is_not_visible():
    corner, half = np.zeros((6, 6), bool), np.zeros((6, 6), bool)
    corner[0, 0], half[:, :3] = True, True
    assert avg_dist(corner, 32) == pytest.approx(11.171875, abs=1e-9)
    assert avg_dist(corner, 32) == pytest.approx(avg_dist(isolated(64)))  # by symmetry a quarter of the square of 64
    assert avg_dist(half, 32) == pytest.approx(48.5, abs=1e-9)


def test_one_of_simmims_masks():
    rows = ["001110", "000010", "001001", "011111", "111111", "111110"]
    mask = np.array([[int(cell) for cell in row] for row in rows])
    assert avg_dist(mask, 32) == pytest.approx(25.454, abs=5e-4)


def test_nothing_masked_is_nan_and_nothing_visible_warns():
    masks = np.zeros((3, 4, 4), bool)
    masks[1], masks[2, 0, 0] = True, True
    with pytest.warns(RuntimeWarning, match="AvgDist of 1 of 3 masks is NaN: no pixel is visible"):
        found = avg_dist(masks, 8)
    assert np.isnan(found).tolist() == [True, True, False]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(avg_dist(masks[:1]))


def test_shapes_and_kinds_of_masks():
    mask = RandomMasker(0.6, cell_size=32, patch_size=4)((48, 48), 6, generator=torch.Generator().manual_seed(0))
    assert isinstance(mask, PatchMask)
    expected = avg_dist(mask.mask.numpy(), 4)
    assert expected.shape == (6,) and expected.dtype == np.float64
    assert (avg_dist(mask, 4) == expected).all()
    for dtype in (torch.uint8, torch.int64, torch.float32):
        assert (avg_dist(mask.mask.to(dtype), 4) == expected).all()
    assert (avg_dist(mask.mask.view(2, 3, 48, 48), (4, 4)) == expected.reshape(2, 3)).all()
    assert avg_dist(mask.mask.transpose(1, 2), 4) == pytest.approx(expected)  # not contiguous
    assert avg_dist(mask.mask[0].tolist(), 4).shape == ()


@pytest.mark.parametrize(
    ("masks", "cell", "message"),
    [(np.ones((2, 2)), 0, "cell=0"), (np.ones((2, 2)), (4, -1), r"cell=\(4, -1\)"), (np.ones(4), 1, r"shape \(4,\)")],
)
def test_mistakes_are_named(masks, cell, message):
    with pytest.raises(ValueError, match=message):
        avg_dist(masks, cell)
