"""BEiTViT with windows, as detectors run it: what attends to what, and what it says of itself."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_beit_vit import SHARED, TABLE, pre_trained, windowed
from torch import Tensor

from mmmim.models.backbones import BEiTViT
from mmmim.models.backbones.beit_blocks import WindowAttention


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 40, 56, dtype=torch.float64)  # 5x7 patches: windows of 3 leave 2 rows and 1 column


def attend(attn: Any, x: Tensor, table: Tensor | None, window: int) -> Tensor:
    """Attention of one map ``(h, w, D)`` to itself, pair by pair."""
    (h, w), heads = x.shape[:2], attn.num_heads
    q, k, v = (attn.project(x.flatten(0, 1)).unflatten(1, (3, heads, -1))[:, i] for i in range(3))  # (n,H,d)
    logits = torch.einsum("ihd,jhd->hij", q, k) / q.shape[-1] ** 0.5
    for i in range(h * w if table is not None else 0):
        for j in range(h * w):
            down, right = i // w - j // w, i % w - j % w
            logits[:, i, j] += table[(down + window - 1) * (2 * window - 1) + right + window - 1]
    return torch.einsum("hij,jhd->ihd", logits.softmax(-1), v).flatten(1).view(h, w, -1)


# ------------------------------------------------------------------ attention


@pytest.mark.parametrize("rel_pos", ["block", "none"])
@pytest.mark.parametrize("grid", [(5, 7), (6, 6), (2, 9), (2, 2)])
def test_every_window_attends_to_itself_only(rel_pos: str, grid: tuple[int, int]) -> None:
    model = windowed(rel_pos=rel_pos)
    attn, x = model.blocks[0].attn, torch.randn(2, grid[0] * grid[1], 48, dtype=torch.float64)
    table = attn.relative_position_bias_table
    out = attn(x, model._block_bias(model.blocks[0], {}, grid), grid).unflatten(1, grid)
    maps = x.unflatten(1, grid)
    for image, result in zip(maps, out, strict=True):
        for top in range(0, grid[0], 3):
            for left in range(0, grid[1], 3):
                window = image[top : top + 3, left : left + 3]
                expected = F.linear(attend(attn, window, table, 3), attn.proj.weight, attn.proj.bias)
                torch.testing.assert_close(result[top : top + 3, left : left + 3], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rel_pos", ["block", "none"])
def test_a_window_that_holds_the_grid_is_global_attention(images: Tensor, rel_pos: str) -> None:
    size: dict[str, Any] = dict(img_size=56, rel_pos=rel_pos)
    for whole in (7, 9):
        windows = windowed(**size, window_size=whole, global_blocks=[])
        everywhere = windowed(**size, window_size=3, global_blocks=[0, 1, 2])
        assert all(isinstance(block.attn, WindowAttention) for block in windows.blocks)
        for name, table in everywhere.state_dict().items():  # offsets beyond the grid's never meet
            own = windows.state_dict()[name]
            if TABLE in name:
                rim = whole - 7
                own = own.view(2 * whole - 1, 2 * whole - 1, -1)[rim : rim + 13, rim : rim + 13]
                own.copy_(table.view(13, 13, -1))
            else:
                own.copy_(table)
        square = torch.cat([images, images[:, :, :16]], 2)
        torch.testing.assert_close(windows(square)[0], everywhere(square)[0], rtol=0, atol=1e-12)


def test_only_global_blocks_carry_information_across_windows(images: Tensor) -> None:
    changed = images.clone()
    changed[:, :, :24, :24] += 1  # the first window
    inside = torch.zeros(5, 7, dtype=torch.bool)
    inside[:3, :3] = True
    for global_blocks, reached in (([], inside), ([1], torch.ones_like(inside))):
        model = windowed(global_blocks=global_blocks, out_type="featmap")
        moved = (model(changed)[0] - model(images)[0]).abs().amax((0, 1)) > 1e-12
        assert moved.equal(reached)


def test_last_blocks_of_four_groups_are_global() -> None:
    def ends(depth: int) -> tuple[int, ...]:
        with torch.device("meta"):
            arch = dict(embed_dims=48, depth=depth, num_heads=4)
            model = BEiTViT(arch=arch, img_size=64, rel_pos="block", window_size=2)
        kinds = [isinstance(block.attn, WindowAttention) for block in model.blocks]  # type: ignore[union-attr]
        assert [i for i, inside in enumerate(kinds) if not inside] == list(model.global_blocks)
        return model.global_blocks

    assert ends(12) == (2, 5, 8, 11) and ends(24) == (5, 11, 17, 23)
    assert ends(6) == (1, 2, 4, 5) and ends(3) == (0, 1, 2)


def test_sizes_of_the_papers_detector() -> None:
    with torch.device("meta"):
        model: Any = BEiTViT(img_size=1024, rel_pos="block", window_size=16, mask_mode=None, pos_embed="zeros")
    tables = [len(block.attn.relative_position_bias_table) for block in model.blocks]
    assert tables == [31**2, 31**2, 127**2] * 4
    assert model.cls_token is None and model.num_prefix == 0 and model.pos_embed.shape == (1, 64**2, 768)


def test_outputs_gradients_and_recomputation(images: Tensor) -> None:
    maps = windowed(out_type="featmap", out_indices=[0, 2])(images)
    raw = windowed(out_indices=[0, 2])(images)
    assert raw[0].shape == (2, 35, 48) and maps[1].shape == (2, 48, 5, 7)
    assert maps[1].flatten(2).transpose(1, 2).equal(raw[1])
    torch.testing.assert_close(windowed(out_type="avg")(images)[0], raw[1].mean(1))
    for rel_pos in ("block", "shared", "decomposed"):
        grads = []
        for with_cp in (False, True):
            model = windowed(rel_pos=rel_pos, with_cp=with_cp, pos_embed="zeros").train()
            (model(images)[0] ** 3).sum().backward()
            grads.append({name: parameter.grad for name, parameter in model.named_parameters()})
        assert all(grad is not None and grad.abs().max() > 0 for grad in grads[0].values())
        for name, grad in grads[0].items():
            torch.testing.assert_close(grads[1][name], grad, rtol=1e-10, atol=1e-10)


def test_shared_tables_are_one_for_windows_and_one_for_the_rest(images: Tensor) -> None:
    shared, block = windowed(rel_pos="shared"), windowed()
    assert [name for name, _ in shared.named_parameters() if TABLE in name] == [SHARED, f"window_{SHARED}"]
    state = shared.state_dict()
    for index, kind in enumerate(("window_", "", "window_")):
        block.blocks[index].attn.relative_position_bias_table.data = state[f"{kind}{SHARED}"]
    torch.testing.assert_close(shared(images)[0], block(images)[0], rtol=0, atol=1e-12)


# ------------------------------------------------------------------ protocols


def test_description_and_layers() -> None:
    facts = windowed().describe()
    assert (facts["window_size"], facts["global_blocks"], facts["with_cls_token"]) == (3, [1], False)
    assert not {"window_size", "global_blocks"} & set(pre_trained().describe())
    model = windowed(rel_pos="shared", frozen_stages=1)
    assert model.get_layer_depth(f"backbone.window_{SHARED}", "backbone.") == (4, 5)
    assert not model.window_rel_pos_bias.relative_position_bias_table.requires_grad
    assert not model.rel_pos_bias.relative_position_bias_table.requires_grad


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="without windows; set window_size"):
        windowed(window_size=None)
    with pytest.raises(ValueError, match=r"global_blocks=\[3\] out of range for depth 3"):
        windowed(global_blocks=[3])
    with pytest.raises(ValueError, match="window_size=0"):
        windowed(window_size=0)
    with pytest.raises(ValueError, match="no class token; use out_type='featmap'"):
        windowed(out_type="cls")
    with pytest.raises(ValueError, match="this BEiTViT has no class token"):
        windowed().cls_logits(torch.zeros(1, 35, 48), (0,))
