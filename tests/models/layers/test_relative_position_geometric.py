"""Swin's bias tables of another window are resized on a geometric grid."""

import numpy as np
import pytest
import torch
from small_swin import SMALL, scrambled, swin

from mmmim.checkpoint.names import compare
from mmmim.models.layers.relative_position import geometric_offsets, resize_bias_table


def bisected(source: int, target: int) -> float:
    return float(np.diff(geometric_offsets(source, target))[-1] ** (1 / (source // 2 - 1)))


@pytest.mark.parametrize(
    ("source", "target", "q"),
    [(6, 7, 1.091281), (12, 14, 1.032893), (7, 20, 1.462602), (14, 20, 1.060968), (6, 20, 1.499999), (7, 6, 1.010001)],
)
def test_geometric_grid(source: int, target: int, q: float) -> None:
    offsets = geometric_offsets(2 * source - 1, 2 * target - 1)
    assert len(offsets) == 2 * source - 1 and offsets[source - 1] == 0 and offsets[source] == 1
    assert bisected(2 * source - 1, 2 * target - 1) == pytest.approx(q, abs=2e-6)


def test_resized_table() -> None:
    table = torch.from_numpy(np.random.RandomState(0).standard_normal((121, 4)))
    out = resize_bias_table(table, (7, 7))
    expected = {
        0: (1.76405618, 0.40009957, 0.97871269, 2.24082414),
        40: (1.04052122, 0.18358201, 0.3359603, 0.68816565),
        84: tuple(table[60].tolist()),
    }
    for row, values in expected.items():
        assert out[row].tolist() == pytest.approx(values, abs=1e-7)
    assert out.abs().mean().item() == pytest.approx(0.77540349, abs=1e-8)
    table = torch.from_numpy(np.random.RandomState(0).standard_normal((529, 2)))
    assert resize_bias_table(table, (14, 14)).abs().mean().item() == pytest.approx(0.73600010, abs=1e-8)


def test_one_axis_can_keep_its_offsets() -> None:
    table = torch.arange(121.0).view(11, 11).flatten().unsqueeze(1)
    out = resize_bias_table(table, (6, 12)).view(11, 23)
    torch.testing.assert_close(out[:, 11], table.view(11, 11)[:, 5], atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="no square window"):
        resize_bias_table(torch.zeros(120, 1), (6, 6))


def test_loading_resizes_tables_and_ignores_buffers() -> None:
    source, target = scrambled(swin(img_size=96, window_size=3)), swin(img_size=96, window_size=6, mask_mode=None)
    state = source.state_dict()
    state["layers.0.blocks.1.attn_mask"] = torch.zeros(64, 9, 9)
    state["layers.0.blocks.1.attn.relative_position_index"] = torch.zeros(9, 9, dtype=torch.long)
    key = "layers.1.blocks.0.attn.relative_position_bias_table"
    report = compare(state, target)
    assert not report.missing and not report.unexpected and report.unused and len(report.resized) == 6
    target.load_state_dict(state, strict=True)
    assert target.state_dict()[key].equal(resize_bias_table(source.state_dict()[key], (6, 6)))
    again = swin(img_size=96, window_size=6, mask_mode=None)
    again.load_state_dict(target.state_dict())
    assert all(again.state_dict()[name].equal(value) for name, value in target.state_dict().items())
    with pytest.raises(RuntimeError, match="size mismatch"):
        swin(arch=dict(SMALL, num_heads=(2, 4, 8))).load_state_dict(source.state_dict())
