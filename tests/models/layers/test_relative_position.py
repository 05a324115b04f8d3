import numpy as np
import pytest
import torch
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

from mmmim.models.layers.relative_position import (
    geometric_offsets,
    resize_bias_table,
    resize_rel_pos_table,
    square_window,
)


def table_of(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(0).standard_normal(shape))


@pytest.mark.parametrize(
    ("old", "new", "ratio"),
    [(6, 7, 1.091281), (12, 14, 1.032893), (7, 20, 1.462602), (14, 20, 1.060968), (6, 20, 1.499999), (14, 7, 1.010001)],
)
def test_ratio_of_the_offsets(old: int, new: int, ratio: float) -> None:
    offsets = geometric_offsets(2 * old - 1, 2 * new - 1)
    steps = np.diff(offsets)
    assert offsets[old - 1] == 0 and offsets == pytest.approx(-offsets[::-1])
    assert steps[old - 1] == pytest.approx(1) and steps[old:] / steps[old - 1 : -1] == pytest.approx(ratio, abs=1e-6)


def test_published_values() -> None:
    table = table_of(121, 4)
    out = resize_bias_table(table, (7, 7))
    assert out.shape == (169, 4)
    assert out[0].tolist() == pytest.approx([1.76405618, 0.40009957, 0.97871269, 2.24082414], abs=1e-8)
    assert out[40].tolist() == pytest.approx([1.04052122, 0.18358201, 0.3359603, 0.68816565], abs=1e-8)
    torch.testing.assert_close(out[84], table[60], rtol=0, atol=1e-13)
    assert out.abs().mean().item() == pytest.approx(0.77540349, abs=1e-8)
    large = resize_rel_pos_table(table_of(529, 2), (12, 12), (14, 14))
    assert large.abs().mean().item() == pytest.approx(0.73600010, abs=1e-8)


@pytest.mark.parametrize(("old", "new"), [((6, 6), (7, 7)), ((7, 7), (20, 20)), ((14, 14), (7, 7)), ((4, 6), (9, 5))])
def test_equals_the_bivariate_spline(old: tuple[int, int], new: tuple[int, int]) -> None:
    height, width = 2 * old[0] - 1, 2 * old[1] - 1
    table = table_of(height * width, 2)
    y, x = (geometric_offsets(2 * o - 1, 2 * n - 1) for o, n in zip(old, new, strict=True))
    rows, columns = (np.arange(2 * n - 1) - (n - 1) for n in new)
    out = resize_rel_pos_table(table, old, new).view(len(rows), len(columns), 2)
    for head in range(2):
        reference = RectBivariateSpline(y, x, table[:, head].view(height, width).numpy(), s=0)(rows, columns)
        np.testing.assert_allclose(out[..., head].numpy(), reference, rtol=0, atol=2e-14)


def test_each_axis_is_resized_on_its_own() -> None:
    table = table_of(3 * 7, 2).view(3, 7, 2)  # window 2x4
    wide = resize_rel_pos_table(table.flatten(0, 1), (2, 4), (2, 5)).view(3, 9, 2)
    torch.testing.assert_close(wide[:, 4], table[:, 3])
    turned = resize_rel_pos_table(table.transpose(0, 1).flatten(0, 1), (4, 2), (5, 2)).view(9, 3, 2)
    torch.testing.assert_close(turned.transpose(0, 1), wide)
    one_row = resize_rel_pos_table(table_of(7, 2), (1, 4), (3, 4)).view(5, 7, 2)
    assert (one_row == table_of(7, 2)).all()


def test_rows_of_the_class_token_are_copied() -> None:
    table = table_of(121 + 3, 4)
    out = resize_rel_pos_table(table, (6, 6), (7, 7), num_extra=3)
    assert out[-3:].equal(table[-3:]) and out[:-3].equal(resize_bias_table(table[:-3], (7, 7)))
    assert resize_rel_pos_table(table, (6, 6), (6, 6), num_extra=3) is table


def test_gradients_and_precision() -> None:
    table = table_of(25 + 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: resize_rel_pos_table(t, (3, 3), (4, 2), 3), table)
    half = resize_rel_pos_table(table.half(), (3, 3), (4, 4), 3)
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.double(), resize_rel_pos_table(table, (3, 3), (4, 4), 3), atol=3e-3, rtol=0)


def test_wrong_windows() -> None:
    assert square_window(732, num_extra=3) == (14, 14)
    with pytest.raises(ValueError, match="120 rows, which no square window"):
        square_window(120)
    with pytest.raises(ValueError, match="no square window"):
        square_window(16)
    with pytest.raises(ValueError, match="window 6x7"):
        resize_rel_pos_table(table_of(121, 4), (6, 7), (7, 7))
