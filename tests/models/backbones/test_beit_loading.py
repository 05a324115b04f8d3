"""Checkpoints of the BEiT-style ViT are read at other sizes."""

import pytest
import torch
from small_beit_vit import TABLE, beit_vit, lively
from torch import Tensor

from mmmim.checkpoint.names import compare
from mmmim.models.layers.relative_position import resize_rel_pos_table


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 32, 64, dtype=torch.float64)  # 4x8 patches


@pytest.mark.parametrize("options", [dict(rel_pos="shared"), dict(rel_pos="block", pos_embed="learned")])
def test_other_sizes_at_run_time_and_on_load(options: dict) -> None:
    small, images = lively(beit_vit(**options)), torch.randn(1, 5, 48, 40, dtype=torch.float64)
    large = beit_vit(img_size=(48, 40), pretrain_img_size=(32, 64), **options).double()
    large.load_state_dict(small.state_dict(), strict=True)
    torch.testing.assert_close(small(images)[0], large(images)[0], rtol=0, atol=1e-12)
    (small(images)[0] ** 3).sum().backward()
    assert all(p.grad.abs().max() > 1e-6 for n, p in small.named_parameters() if TABLE in n)


def test_tables_are_resized_on_load() -> None:
    state = lively(beit_vit(img_size=48)).state_dict()
    model = beit_vit(img_size=(56, 64)).double()
    model.load_state_dict(state)
    old, new = state[f"rel_pos_bias.{TABLE}"], model.rel_pos_bias.relative_position_bias_table
    assert new.equal(resize_rel_pos_table(old, (6, 6), (7, 8), 3)) and new[-3:].equal(old[-3:])
    with pytest.raises(ValueError, match="no square window"):
        beit_vit(img_size=48).load_state_dict(beit_vit().state_dict())


@pytest.mark.parametrize("img_size", [(32, 64), (40, 40)])
def test_a_shared_table_is_copied_to_every_block(images: Tensor, img_size: tuple[int, int]) -> None:
    shared = lively(beit_vit())
    model = beit_vit(rel_pos="block", img_size=img_size, pretrain_img_size=(32, 64)).double()
    model.load_state_dict(shared.state_dict(), strict=True)
    tables = [block.attn.relative_position_bias_table for block in model.blocks]
    assert tables[0].equal(tables[2]) and tables[0].data_ptr() != tables[2].data_ptr()
    if img_size == (32, 64):
        assert model(images)[0].equal(shared(images)[0])


def test_what_fine_tuning_loads_and_leaves() -> None:
    state = beit_vit(pos_embed="learned").state_dict() | {"rel_pos_bias.relative_position_index": torch.zeros(33, 33)}
    tuned = beit_vit(pos_embed="learned", rel_pos="block", mask_mode=None, out_type="avg", fc_norm=True)
    tuned.load_state_dict(state, strict=False)
    report = compare(state, tuned)
    assert report.new == ["fc_norm.weight", "fc_norm.bias"] and not report.missing
    left = set(state) - set(tuned.state_dict())
    assert report.copied == ["rel_pos_bias.relative_position_bias_table"]
    assert set(report.unused) == left - set(report.copied) and len(report.unused) == 4
    assert not report.other_shape and not report.changed and not report.unexpected
    dense = beit_vit(pos_embed="learned", rel_pos="block", mask_mode=None, final_norm=False)
    dense.load_state_dict(tuned.state_dict(), strict=True)  # intermediate fine-tuning: fc_norm is left behind
