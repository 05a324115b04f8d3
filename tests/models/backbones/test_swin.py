"""Swin: sizes, mask token, features, protocols; equal to timm's model and to attention written out."""

import pytest
import torch
import torch.nn.functional as F
from small_swin import SMALL, scrambled, swin
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmmim.models.backbones import Swin
from mmmim.models.layers import PatchMask


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
