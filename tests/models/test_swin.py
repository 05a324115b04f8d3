"""Swin: windows, tables, mask token, protocols; equal to timm's model and to attention written out."""

import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmmim.checkpoint.names import compare
from mmmim.models.backbones import Swin, SwinV2
from mmmim.models.backbones.swin_names import official_to_timm, timm_to_official
from mmmim.models.backbones.swin_windows import shift_mask, window_attention
from mmmim.models.layers import Grid, PatchMask
from mmmim.models.layers.relative_position import geometric_offsets, resize_bias_table

SMALL = dict(embed_dims=8, depths=(2, 2, 2), num_heads=(1, 2, 4))


def swin(**options) -> Swin:
    """Three stages of 12x24, 6x12 and 3x6 tokens in windows of 3x3, 3x3 and 3x3."""
    options = dict(dict(arch=SMALL, img_size=(48, 96), window_size=3, in_channels=5), **options)
    return Swin(**options).eval()


def scrambled(model: nn.Module, seed: int = 0) -> nn.Module:
    """Weights under which every parameter matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator).to(parameter))
    return model


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 48, 96)


@pytest.fixture
def mask() -> PatchMask:
    cells = torch.rand(2, 3 * 6).argsort(1).argsort(1).lt(7).view(2, 3, 6)  # 7 of 18 cells of 16 pixels
    return PatchMask.from_bool(cells.repeat_interleave(4, 1).repeat_interleave(4, 2))


# ------------------------------------------------------------------ sizes


@pytest.mark.parametrize(("arch", "window", "count"), [("base", 6, 86_725_304), ("large", 12, 195_159_540)])
def test_official_parameter_counts(arch: str, window: int, count: int) -> None:
    with torch.device("meta"):
        model = Swin(arch, window_size=window)
    assert sum(p.numel() for p in model.parameters()) == count
    assert model.stride == (32, 32) and model.patch_size == (4, 4) and model.grid_size == (48, 48)


@pytest.mark.parametrize(
    ("arch", "size", "window", "giga"),
    [("base", 192, 6, 11.28), ("base", 224, 7, 15.44), ("large", 192, 12, 25.96), ("large", 224, 14, 35.81)],
)
def test_multiply_adds_of_table_8(arch: str, size: int, window: int, giga: float) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        Swin(arch, img_size=size, window_size=window)(torch.empty(1, 3, size, size))
    assert counter.get_total_flops() / 2e9 == pytest.approx(giga, rel=1e-3)


def test_windows_of_small_stages() -> None:
    with torch.device("meta"):
        large = Swin("large", img_size=192, window_size=12)
        wide = Swin("large", img_size=(192, 384), window_size=12)
    assert large.windows == [(12, 12), (12, 12), (12, 12), (6, 6)]
    assert large.shifts == [(6, 6), (6, 6), (0, 0), (0, 0)]
    assert wide.windows[2:] == [(12, 12), (6, 12)] and wide.shifts[2:] == [(0, 6), (0, 0)]
    assert large.layers[3].blocks[0].attn.relative_position_bias_table.shape == (121, 48)
    assert [block.shift for block in large.layers[0].blocks] == [(0, 0), (6, 6)]


def test_initialisation() -> None:
    model = Swin("tiny")
    for tensor in (
        model.mask_token,
        model.layers[2].blocks[0].attn.relative_position_bias_table,
        model.layers[1].downsample.reduction.weight,
        model.layers[3].blocks[1].mlp.fc2.weight,
    ):
        assert tensor.std().item() == pytest.approx(0.02, rel=0.2)
    assert model.layers[0].blocks[0].attn.qkv.bias.abs().max() == 0
    assert model.patch_embed.proj.weight.abs().max() > 0.1  # PyTorch's default for convolutions: uniform, 1/sqrt(48)


def test_sizes_that_do_not_fit(images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"img_size 224x224 .* 6x6 in 4 stages.*nearest .* 192x192"):
        Swin("tiny", img_size=224, window_size=6)
    with pytest.raises(ValueError, match=r"image size 48x90 .*nearest size that does is 48x96"):
        swin()(images[..., :90])
    assert swin()(torch.randn(1, 5, 96, 48))[0].shape == (1, 6 * 3, 32)
    with pytest.raises(ValueError, match="3 channels, the backbone has in_channels=5"):
        swin()(images[:, :3])
    with pytest.raises(ValueError, match="did you mean 'large'"):
        Swin("larg")
    with pytest.raises(ValueError, match="out_indices"):
        swin(out_indices=3)
    with pytest.raises(ValueError, match="frozen_stages=4"):
        swin(frozen_stages=4)
    with pytest.raises(ValueError, match="num_heads=3"):
        swin(arch=dict(SMALL, num_heads=(3, 2, 4)))


# ------------------------------------------------------------------ features


@pytest.mark.parametrize(("size", "window"), [((48, 96), 3), ((96, 96), 6), ((48, 96), 6)])
def test_state_dict_and_features_are_timms(size: tuple[int, int], window: int) -> None:
    model = scrambled(swin(img_size=size, window_size=window, mask_mode=None).double())
    other = SwinTransformer(
        size, 4, in_chans=5, num_classes=0, global_pool="", embed_dim=8, depths=(2, 2, 2), num_heads=(1, 2, 4),
        window_size=window,
    ).eval().double()  # fmt: skip
    other.load_state_dict(model.state_dict(), strict=True)
    images = torch.randn(2, 5, *size, dtype=torch.float64)
    expected = other.forward_features(images)  # (B,h,w,D)
    torch.testing.assert_close(model(images)[0], expected.flatten(1, 2), atol=1e-12, rtol=0)
    model.load_state_dict(other.state_dict(), strict=True)


def test_outputs(images: Tensor) -> None:
    raw = swin(out_indices=(0, 2))
    state = raw.state_dict()
    assert set(raw.downstream_only) == {"norm0.*"} and "norm0.weight" in state and "norm1.weight" not in state

    def like(**options) -> tuple[Tensor, ...]:
        model = swin(out_indices=(0, 2), **options)
        model.load_state_dict(state)
        return model(images)

    first, last = raw(images)
    assert first.shape == (2, 12 * 24, 8) and last.shape == (2, 3 * 6, 32)
    assert like(out_type="featmap", dynamic_size=False)[0].equal(first.transpose(1, 2).unflatten(2, (12, 24)))
    torch.testing.assert_close(like(out_type="avg")[1], last.mean(1))
    torch.testing.assert_close(first.mean(-1), torch.zeros(2, 288), atol=1e-5, rtol=0)  # normed
    assert swin(out_indices=1).stride == (8, 8) and swin(out_indices=1).embed_dims == 16


def test_what_is_under_the_mask_does_not_matter(images: Tensor, mask: PatchMask) -> None:
    model = scrambled(swin())
    out = model(images, mask)[0]
    pixels = mask.mask.repeat_interleave(4, 1).repeat_interleave(4, 2).unsqueeze(1)
    noise = torch.where(pixels, torch.rand_like(images) * 100, images)
    assert model(noise, mask)[0].equal(out)
    tokens = model.embed(noise, mask)  # the token replaces normed embeddings
    assert (tokens[mask.mask] == model.mask_token[0, 0]).all()
    assert tokens[~mask.mask].equal(model.embed(images)[~mask.mask])
    assert not model(images)[0].equal(out)


def test_a_mask_has_rows_and_columns(images: Tensor) -> None:
    model, hidden = swin(), torch.zeros(2, 12, 24, dtype=torch.bool)
    hidden[:, 4:8, 20:24] = True
    changed = (model.embed(images, PatchMask.from_bool(hidden)) != model.embed(images)).any(-1)
    assert changed.equal(hidden)
    with pytest.raises(ValueError, match=r"mask grid \(24, 12\)"):
        model(images, PatchMask.from_bool(hidden.transpose(1, 2)))
    with pytest.raises(ValueError, match="mask_mode='replace'"):
        swin(mask_mode=None)(images, PatchMask.from_bool(hidden))


def explicit_block(block: nn.Module, x: Tensor) -> Tensor:
    """One block, token pair by token pair: window and region of every token, its bias, a masked softmax."""
    attn, (_, h, w, c) = block.attn, x.shape
    (wh, ww), (sh, sw) = block.window, block.shift
    heads, tokens = attn.num_heads, block.norm1(x).flatten(1, 2)
    q, k, v = (t.unflatten(2, (heads, -1)).transpose(1, 2) for t in attn.qkv(tokens).chunk(3, -1))
    logits = q @ k.mT * (c // heads) ** -0.5
    rows, columns = torch.arange(h).repeat_interleave(w), torch.arange(w).repeat(h)
    rows, columns = (rows - sh) % h, (columns - sw) % w  # place after the cyclic shift
    window = (rows // wh) * w + columns // ww
    region = 2 * (rows >= h - sh) + (columns >= w - sw).long()
    offset = (rows[:, None] - rows + wh - 1) * (2 * ww - 1) + columns[:, None] - columns + ww - 1
    same_window = window[:, None] == window
    bias = attn.relative_position_bias_table[offset.clamp(0, (2 * wh - 1) * (2 * ww - 1) - 1)].permute(2, 0, 1)
    logits = logits + bias - 100.0 * (region[:, None] != region)
    weights = logits.masked_fill(~same_window, float("-inf")).softmax(-1)
    x = x + attn.proj((weights @ v).transpose(1, 2).flatten(2)).view_as(x)
    return x + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(x))))


@pytest.mark.parametrize("impl", ["explicit", "sdpa", "auto"])
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("index", [0, 1])
def test_blocks_equal_attention_written_out(impl: str, grad: bool, index: int) -> None:
    model = scrambled(swin(window_size=(3, 6), attn_impl=impl).double())
    block, x = model.layers[0].blocks[index], torch.randn(2, 12, 24, 8, dtype=torch.float64)
    assert block.shift == ((1, 3) if index else (0, 0))
    with torch.set_grad_enabled(grad):
        torch.testing.assert_close(block(x), explicit_block(block, x), atol=1e-12, rtol=0)


@pytest.mark.parametrize("impl", ["explicit", "sdpa"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("windows", [1, 4])
def test_fused_attention_equals_explicit(impl: str, dtype: torch.dtype, tolerance: float, windows: int) -> None:
    q, k, v = (torch.randn(2, 4, 3, 36, 8, dtype=torch.float64) for _ in range(3))
    bias = torch.randn(windows, 3, 36, 36, dtype=torch.float64)
    expected = (q @ k.mT * 0.3 + bias).softmax(-1) @ v
    cast = [t.to(dtype) for t in (q, k, v, bias)]
    torch.testing.assert_close(window_attention(*cast, 0.3, impl).double(), expected, atol=tolerance, rtol=tolerance)


def test_gradients_equal_those_of_blocks_written_out() -> None:
    model = scrambled(swin(arch=dict(embed_dims=8, depths=(2,), num_heads=(2,))).double())
    x = torch.randn(2, 12, 24, 8, dtype=torch.float64, requires_grad=True)
    parameters = [x, *model.layers.parameters()]
    direction = torch.randn_like(x)

    def grads(run) -> tuple[Tensor, ...]:
        out = x
        for block in model.layers[0].blocks:
            out = run(block, out)
        return torch.autograd.grad((out * direction).sum(), parameters)

    for ours, expected in zip(grads(lambda b, t: b(t)), grads(explicit_block), strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-11, rtol=0)


def test_autocast_trains_every_parameter(images: Tensor, mask: PatchMask) -> None:
    model = scrambled(swin(drop_path_rate=0.1)).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(images, mask)[0]
    out.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        low = model(images, mask)[0]
    torch.testing.assert_close(low.float(), model(images, mask)[0], atol=0.25, rtol=0)


# ------------------------------------------------------------------ any size


def test_any_size_keeps_the_window_and_pads() -> None:
    model = scrambled(swin(out_indices=(0, 1, 2), out_type="featmap", window_size=6).double())
    assert model.dynamic_size and model.describe()["dynamic_size"] and not swin(out_type="avg").dynamic_size
    assert model.windows == [(6, 6)] * 3 and model.shifts == [(3, 3)] * 3
    maps = model(torch.randn(1, 5, 50, 85, dtype=torch.float64))
    assert [tuple(m.shape[1:]) for m in maps] == [(8, 13, 22), (16, 7, 11), (32, 4, 6)]
    fixed = swin(out_type="featmap", dynamic_size=False).double()
    padded = swin(out_type="featmap").double()
    padded.load_state_dict(fixed.state_dict())
    images = torch.randn(1, 5, 96, 192, dtype=torch.float64)  # stages of 24x48, 12x24, 6x12: nothing to pad
    fixed_shifts = [block.shift for layer in fixed.layers for block in layer.blocks]
    assert fixed_shifts == [(0, 0), (1, 1)] * 2 + [(0, 0), (0, 1)]
    for block in fixed.layers[2].blocks:
        padded.layers[2].blocks[1].shift = block.shift
    torch.testing.assert_close(padded(images)[0], fixed(images)[0], atol=1e-12, rtol=0)


def test_padding_is_zero_after_the_norm() -> None:
    """A map that is not a multiple of the window equals the zero-extended map, cropped."""
    model = scrambled(swin(dynamic_size=True).double())
    for block in model.layers[0].blocks:
        x = torch.randn(1, 7, 10, 8, dtype=torch.float64)
        grown = F.pad(block.norm1(x), (0, 0, 0, 2, 0, 2))
        torch.testing.assert_close(block.attend(block.norm1(x)), block.attend(grown)[:, :7, :10], atol=0, rtol=0)


@pytest.mark.parametrize(
    ("grid", "window", "shift"),
    [((12, 24), (3, 3), (1, 1)), ((12, 24), (3, 6), (1, 3)), ((7, 14), (7, 7), (3, 3)), ((6, 12), (6, 6), (0, 3))],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_shift_masks(grid: Grid, window: Grid, shift: Grid, dtype: torch.dtype) -> None:
    """Swin's way: nine regions of the shifted map, numbered and cut into windows."""
    regions, count = torch.zeros(grid), 0
    for rows in (slice(0, -window[0]), slice(-window[0], -shift[0] or None), slice(-shift[0] or grid[0], None)):
        for columns in (slice(0, -window[1]), slice(-window[1], -shift[1] or None), slice(-shift[1] or grid[1], None)):
            regions[rows, columns] = count
            count += 1
    cut = regions.unfold(0, window[0], window[0]).unfold(1, window[1], window[1]).flatten(2).flatten(0, 1)  # (nW,N)
    expected = torch.where(cut[:, None] == cut[:, :, None], 0.0, -100.0).to(dtype)
    assert shift_mask(grid, window, shift, torch.device("cpu"), dtype).equal(expected)
    assert shift_mask(grid, window, (0, 0), torch.device("cpu"), dtype) is None


def test_masks_of_other_sizes_are_not_kept() -> None:
    """Of images of many sizes, as with multi-scale testing; nor does anything else of the models keep tensors."""
    cached = {
        name
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("mmmim.models")
        for name, value in vars(module).items()
        if hasattr(value, "cache_info")
    }
    assert cached <= {"spline_weights"}  # kilobytes on the host
    arguments = ((12, 24), (3, 3), (1, 1), torch.device("cpu"), torch.float32)
    assert shift_mask(*arguments) is not shift_mask(*arguments)


@pytest.mark.parametrize("kind", [Swin, SwinV2])
def test_maps_of_any_size_are_those_of_fixed_windows_where_these_fit(kind: type) -> None:
    """Stages of 12 x 24 and 6 x 12 tokens: nothing to pad, nothing smaller than a window."""
    settings = dict(arch=dict(embed_dims=8, depths=(2, 2), num_heads=(1, 2)), img_size=(48, 96), window_size=3)
    if kind is SwinV2:
        settings["pretrained_window_sizes"] = (0, 0)
    dense = scrambled(kind(**settings, out_type="featmap", out_indices=(0, 1)).eval())
    fixed = kind(**settings, out_type="featmap", out_indices=(0, 1), dynamic_size=False).eval()
    fixed.load_state_dict(dense.state_dict())
    images = torch.randn(1, 3, 48, 96)
    assert all(a.equal(b) for a, b in zip(dense(images), fixed(images), strict=True))
    assert [x.shape[2:] for x in dense(torch.randn(1, 3, 51, 85))] == [(13, 22), (7, 11)]
    with pytest.raises(ValueError, match=r"dynamic_size=True pads maps instead"):
        fixed(torch.randn(1, 3, 51, 85))


# ------------------------------------------------------------------ bias tables of another window


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


# ------------------------------------------------------------------ protocols


def test_layer_depths() -> None:
    with torch.device("meta"):
        model = Swin("base")
    ids = {name: model.get_layer_depth("backbone." + name, "backbone.") for name, _ in model.named_parameters()}
    assert {num for _, num in ids.values()} == {26}
    assert ids["mask_token"][0] == ids["patch_embed.norm.weight"][0] == 0
    assert ids["layers.0.blocks.0.norm1.weight"][0] == 1 and ids["layers.1.blocks.1.mlp.fc1.weight"][0] == 4
    assert ids["layers.1.downsample.norm.weight"][0] == 2  # the last block before it, as in the official order
    assert ids["layers.3.downsample.reduction.weight"][0] == 22 and ids["layers.3.blocks.1.attn.qkv.bias"][0] == 24
    assert ids["norm.weight"][0] == 25
    scales = {0.9: 0.07179, 0.8: 3.778e-3, 0.75: 7.525e-4, 0.7: 1.341e-4}
    for decay, scale in scales.items():
        assert decay ** (25 - ids["mask_token"][0]) == pytest.approx(scale, rel=1e-3)


def test_frozen_stages(images: Tensor) -> None:
    partly = swin(frozen_stages=1, out_indices=(0, 2), drop_path_rate=0.5).train()
    frozen = {name for name, p in partly.named_parameters() if not p.requires_grad}
    assert {name.split(".")[0] for name in frozen} == {"patch_embed", "mask_token", "layers", "norm0"}
    assert not any(name.startswith(("layers.1", "layers.2")) for name in frozen)
    assert not partly.layers[0].training and partly.layers[1].training
    whole = swin(frozen_stages=3).train()
    assert not any(p.requires_grad for p in whole.parameters())
    assert not whole(images.requires_grad_())[0].requires_grad


def test_checkpointing_changes_nothing_but_memory(images: Tensor, mask: PatchMask) -> None:
    plain, saving = swin(), swin(with_cp=True)
    saving.load_state_dict(plain.state_dict())
    for model in (plain, saving):
        model.train()(images, mask)[0].square().mean().backward()
    for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
        assert a.grad.equal(b.grad)


def test_memory_kept_for_the_backward_pass() -> None:
    """Swin-B keeps 125 MB per image; with the GELU's output it would keep 163 MB."""
    with torch.device("meta"):
        model = Swin("base")
        own = {p.untyped_storage()._cdata for p in model.parameters()}
        sizes: dict[int, int] = {}
        kept: list[Tensor] = []

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in own:
                sizes[storage._cdata] = storage.nbytes()
                kept.append(tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            model(torch.empty(1, 3, 192, 192))
    assert sum(sizes.values()) / 1e6 < 135


def test_names_of_official_checkpoints() -> None:
    assert official_to_timm("encoder.layers.0.downsample.reduction.weight") == "layers.1.downsample.reduction.weight"
    assert official_to_timm("layers.2.blocks.17.attn.relative_position_index") is None
    assert official_to_timm("encoder.mask_token") == "mask_token" and official_to_timm("head.bias") == "head.fc.bias"
    for name in swin().state_dict():
        assert official_to_timm(timm_to_official(name)) == name
