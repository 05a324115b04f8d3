"""Pre-trained tables of a BEiT are read into one with windows."""

import numpy as np
import pytest
import torch
from small_beit_vit import SHARED, SMALL, pre_trained, windowed
from torch import Tensor

from mmmim.checkpoint.names import compare
from mmmim.models.backbones import BEiTViT
from mmmim.models.layers.relative_position import resize_rel_pos_table


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 40, 56, dtype=torch.float64)  # 5x7 patches: windows of 3 leave 2 rows and 1 column


# ------------------------------------------------------------------ loading


@pytest.mark.parametrize("method", ["geometric", "bicubic", "bilinear"])
def test_both_kinds_of_tables_come_from_the_shared_one(method: str) -> None:
    state = pre_trained().state_dict()  # 6x6 patches
    model = windowed(rel_pos_resize=method, pos_embed="zeros", final_norm=False)
    model.load_state_dict(dict(state), strict=False)
    for index, span in enumerate([(3, 3), (5, 7), (3, 3)]):
        expected = resize_rel_pos_table(state[SHARED][:-3], (6, 6), span, method=method)
        assert model.blocks[index].attn.relative_position_bias_table.equal(expected)
    report = compare(state, model)
    assert report.complete and report.ratio == f"{report.expected}/{report.expected}"
    assert (report.new, report.copied) == (["pos_embed"], [SHARED]) and len(report.resized) == 3
    assert report.unused == ["cls_token", "mask_token", "norm.weight", "norm.bias"]


def test_shared_tables_load_too() -> None:
    state = pre_trained().state_dict()
    model = windowed(rel_pos="shared", final_norm=False, rel_pos_resize="bicubic")
    report = compare(state, model)
    assert report.missing == [] and report.unexpected == [] and report.loaded == list(model.state_dict())
    model.load_state_dict(dict(state), strict=False)
    expected = resize_rel_pos_table(state[SHARED][:-3], (6, 6), (3, 3), method="bicubic")
    assert model.window_rel_pos_bias.relative_position_bias_table.equal(expected)


def test_a_window_of_the_checkpoints_grid_and_the_same_size_change_nothing() -> None:
    source = pre_trained(rel_pos="block")
    model = windowed(img_size=48, window_size=6, final_norm=False, rel_pos_resize="bicubic")
    model.load_state_dict(source.state_dict(), strict=False)
    for ours, theirs in zip(model.blocks, source.blocks, strict=True):
        assert ours.attn.relative_position_bias_table.equal(theirs.attn.relative_position_bias_table[:-3])
    again = windowed(img_size=48, window_size=6, final_norm=False, pretrain_img_size=(32, 64))
    again.load_state_dict(model.state_dict(), strict=True)  # resuming: the file is one of its own


def test_it_starts_as_the_pre_trained_function() -> None:
    """At the size of pre-training, with all blocks global, only the class token is gone."""
    source = pre_trained(rel_pos="shared", pos_embed="none")
    model = windowed(img_size=48, global_blocks=[0, 1, 2], pos_embed="zeros")
    model.pos_embed.data.zero_()
    model.load_state_dict(source.state_dict(), strict=False)
    x = torch.randn(1, 3, 48, 48, dtype=torch.float64)
    table = source.rel_pos_bias.relative_position_bias_table
    table.data[-2] = -1e9  # no patch looks at the class token
    torch.testing.assert_close(model(x)[0], source(x)[0][:, 1:], rtol=0, atol=1e-12)


def test_absolute_positions_are_read_where_the_file_has_them() -> None:
    state = pre_trained(pos_embed="learned").state_dict()
    model = windowed(img_size=48, pos_embed="zeros", final_norm=False)
    model.load_state_dict(dict(state), strict=False)
    report = compare(state, model)
    assert report.complete and report.new == []
    assert model.pos_embed.equal(state["pos_embed"][:, 1:]) and model.pos_embed.requires_grad
    fixed = BEiTViT(arch=SMALL, img_size=48, patch_size=8, pos_embed="sincos", window_size=3)
    assert not fixed.pos_embed.requires_grad and fixed.pos_embed[:, 0].abs().max() > 0  # type: ignore[union-attr]


def test_other_sizes_at_run_time_as_on_load(images: Tensor) -> None:
    small = windowed(rel_pos_resize="bicubic", pos_embed="zeros")
    large = windowed(rel_pos_resize="bicubic", pos_embed="zeros", img_size=(64, 72), pretrain_img_size=(40, 56))
    large.load_state_dict(small.state_dict(), strict=True)
    x = torch.randn(1, 3, 64, 72, dtype=torch.float64)
    torch.testing.assert_close(small(x)[0], large(x)[0], rtol=0, atol=1e-6)  # absolute positions resize in fp32


# ------------------------------------------------------------------ resizing tables as images


def cubic(x: Tensor, a: float = -0.75) -> Tensor:
    near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return torch.where(x <= 1, near, torch.where(x < 2, far, 0.0))


KERNELS = dict(bicubic=cubic, bilinear=lambda x: (1 - x).clamp(min=0))


@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
def test_resizing_as_an_image(method: str) -> None:
    table = torch.from_numpy(np.random.RandomState(0).standard_normal((27 * 27 + 3, 2)))
    out = resize_rel_pos_table(table, (14, 14), (16, 16), 3, method)
    assert out[-3:].equal(table[-3:]) and len(out) == 31 * 31 + 3
    torch.testing.assert_close(out[31 * 15 + 15], table[27 * 13 + 13])  # the zero offset
    turned = table[:-3].view(27, 27, 2).transpose(0, 1).flatten(0, 1)
    other = resize_rel_pos_table(turned, (14, 14), (16, 16), method=method).view(31, 31, 2).transpose(0, 1)
    torch.testing.assert_close(out[:-3].view(31, 31, 2), other)
    assert resize_rel_pos_table(table, (14, 14), (14, 14), 3, method) is table
    places = (torch.arange(31, dtype=torch.float64) + 0.5) * 27 / 31 - 0.5
    weights = KERNELS[method]((places[:, None] - torch.arange(27)).abs())  # (31,27)
    expected = torch.einsum("ih,hwc,jw->ijc", weights, table[:-3].view(27, 27, 2), weights)
    torch.testing.assert_close(out[:-3].view(31, 31, 2)[2:-2, 2:-2], expected[2:-2, 2:-2], rtol=0, atol=1e-12)


def test_bad_method() -> None:
    with pytest.raises(ValueError, match="did you mean 'bicubic'"):
        resize_rel_pos_table(torch.zeros(9, 1), (2, 2), (3, 3), method="bicubics")
    with pytest.raises(ValueError, match="rel_pos_resize='cubic'"):
        windowed(rel_pos_resize="cubic")
