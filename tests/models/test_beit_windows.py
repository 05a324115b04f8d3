"""BEiTViT with windows, as detectors run it: what attends to what, which tables it loads, what it says of itself."""

import itertools
import zlib
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from timm.models.vision_transformer_sam import get_decomposed_rel_pos_bias, get_rel_pos
from torch import Tensor, nn

from mmmim.checkpoint.names import compare
from mmmim.models.backbones import BEiTViT
from mmmim.models.backbones.beit_blocks import WindowAttention
from mmmim.models.layers.relative_position import resize_rel_pos_table

SMALL: dict[str, Any] = dict(embed_dims=48, depth=3, num_heads=4)
TABLE = "relative_position_bias_table"
SHARED = f"rel_pos_bias.{TABLE}"


def windowed(**options: Any) -> Any:
    defaults: dict[str, Any] = dict(
        arch=SMALL, img_size=(40, 56), patch_size=8, rel_pos="block", mask_mode=None, window_size=3, global_blocks=[1]
    )
    return lively(BEiTViT(**dict(defaults, **options)).eval())


def pre_trained(**options: Any) -> Any:
    return lively(BEiTViT(**dict(dict(arch=SMALL, img_size=48, patch_size=8), **options)).eval())


def lively(model: nn.Module) -> Any:
    """Double precision, and values that depend on the names only and hide no part."""
    for name, parameter in model.named_parameters():
        r = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(parameter.shape)
        is_position = name.endswith((TABLE, "rel_pos_h", "rel_pos_w"))
        scale, shift = (0.5, 0.0) if is_position else (0.1, float("norm" in name and name.endswith("weight")))
        parameter.data = torch.from_numpy(scale * r + shift)
    return model.double()


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


# ------------------------------------------------------------------ decomposed positions


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
