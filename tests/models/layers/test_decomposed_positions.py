"""Relative positions of rows and columns, as the papers' detectors have them."""

import itertools
from typing import Any

import pytest
import torch
from small_beit_vit import SHARED, SMALL, pre_trained, windowed
from timm.models.vision_transformer_sam import get_decomposed_rel_pos_bias, get_rel_pos
from torch import Tensor

from mmmim.checkpoint.names import compare
from mmmim.models.backbones import BEiTViT


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 40, 56, dtype=torch.float64)  # 5x7 patches: windows of 3 leave 2 rows and 1 column


@pytest.mark.parametrize("grid", [(5, 7), (2, 9), (1, 1)])
def test_queries_read_the_offsets_of_rows_and_columns(grid: tuple[int, int]) -> None:
    model = windowed(rel_pos="decomposed", img_size=(8 * grid[0], 8 * grid[1]))
    attn, x = model.blocks[1].attn, torch.randn(2, grid[0] * grid[1], 48, dtype=torch.float64)
    out = attn(x, None, grid)
    q, k, v = attn.heads(x)
    bias = get_decomposed_rel_pos_bias(q.flatten(0, 1), attn.rel_pos_h, attn.rel_pos_w, grid, grid).unflatten(0, (2, 4))
    logits = q @ k.transpose(-2, -1) / 12**0.5
    where = list(itertools.product(range(grid[0]), range(grid[1])))
    for i, (row, column) in enumerate(where):
        for j, (other_row, other_column) in enumerate(where):
            read = attn.rel_pos_h[row - other_row + grid[0] - 1] + attn.rel_pos_w[column - other_column + grid[1] - 1]
            torch.testing.assert_close(bias[:, :, i, j], q[:, :, i] @ read)
    expected = attn.proj(((logits + bias).softmax(-1) @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


def test_windows_at_the_border_read_the_near_offsets() -> None:
    model, grid = windowed(rel_pos="decomposed"), (5, 7)
    attn, x = model.blocks[0].attn, torch.randn(1, 35, 48, dtype=torch.float64)
    out = attn(x, None, grid).unflatten(1, grid)
    for top, left in itertools.product((0, 3), (0, 3, 6)):
        part = x.unflatten(1, grid)[:, top : top + 3, left : left + 3]
        h, w = part.shape[1:3]
        q, k, v = attn.heads(part.flatten(1, 2))
        near_h, near_w = attn.rel_pos_h[3 - h : 2 + h], attn.rel_pos_w[3 - w : 2 + w]
        bias = get_decomposed_rel_pos_bias(q.flatten(0, 1), near_h, near_w, (h, w), (h, w)).unflatten(0, (1, 4))
        weights = (q @ k.transpose(-2, -1) / 12**0.5 + bias).softmax(-1)
        expected = attn.proj((weights @ v).transpose(1, 2).flatten(2)).unflatten(1, (h, w))
        torch.testing.assert_close(out[:, top : top + 3, left : left + 3], expected, rtol=0, atol=1e-12)


def test_decomposed_positions_start_from_nothing_and_learn(images: Tensor) -> None:
    options: dict[str, Any] = dict(arch=SMALL, img_size=(40, 56), patch_size=8, mask_mode=None, window_size=3)
    start: Any = BEiTViT(rel_pos="decomposed", **options)
    names = [name for name, _ in start.named_parameters() if "rel_pos" in name]
    assert names == [f"blocks.{i}.attn.rel_pos_{axis}" for i in range(3) for axis in "hw"]
    plain: Any = BEiTViT(rel_pos="none", **options)
    keys = plain.load_state_dict(start.state_dict(), strict=False)
    assert keys.missing_keys == [] and keys.unexpected_keys == names
    torch.testing.assert_close(start(images.float())[0], plain(images.float())[0], rtol=1e-5, atol=1e-5)
    (start(images.float())[0] ** 3).sum().backward()
    assert all(start.get_parameter(name).grad.abs().max() > 0 for name in names)
    with pytest.raises(ValueError, match="rel_pos='decomposed' has no positions for a class token; set window_size"):
        BEiTViT(arch=SMALL, img_size=48, patch_size=8, rel_pos="decomposed")


def test_decomposed_positions_of_another_size(images: Tensor) -> None:
    """At run time as on load, and as timm resizes them."""
    small = windowed(rel_pos="decomposed", pos_embed="none")
    large = windowed(rel_pos="decomposed", pos_embed="none", img_size=(64, 72))
    large.load_state_dict(small.state_dict(), strict=True)
    for ours, side in ((large.blocks[1].attn.rel_pos_h, 8), (large.blocks[1].attn.rel_pos_w, 9)):
        name = "rel_pos_h" if side == 8 else "rel_pos_w"
        stored = getattr(small.blocks[1].attn, name)
        torch.testing.assert_close(ours[side - 1 :], get_rel_pos(side, side, stored)[:, 0], rtol=0, atol=1e-12)
    x = torch.randn(1, 3, 64, 72, dtype=torch.float64)
    torch.testing.assert_close(small(x)[0], large(x)[0], rtol=0, atol=1e-12)
    report = compare(small.state_dict(), large)
    assert report.complete and report.resized == ["blocks.1.attn.rel_pos_h", "blocks.1.attn.rel_pos_w"]


def test_a_plain_checkpoint_lacks_decomposed_positions_and_one_with_tables_is_refused() -> None:
    model = windowed(rel_pos="decomposed", pos_embed="none", final_norm=False)
    report = compare(pre_trained(rel_pos="none").state_dict(), model)
    assert report.complete and len(report.new) == 6 and all("rel_pos_" in name for name in report.new)
    assert compare(pre_trained().state_dict(), model).unexpected == [SHARED]
