"""SwinV2: post-norms, cosine attention, continuous bias, extra norms; equal to timm's model."""

import math

import pytest
import torch
from timm.models.swin_transformer_v2 import SwinTransformerV2
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mmmim.models.backbones import SwinV2
from mmmim.models.backbones.swin_names import official_to_timm, timm_to_official
from mmmim.models.layers import PatchMask

SMALL = dict(embed_dims=8, depths=(2, 2, 3), num_heads=(1, 2, 4))


def swin(**options) -> SwinV2:
    """Three stages of 12x24, 6x12 and 3x6 tokens."""
    defaults = dict(arch=SMALL, img_size=(48, 96), window_size=3, in_channels=5, pretrained_window_sizes=(0, 0, 0))
    return SwinV2(**dict(defaults, **options)).eval()


def scrambled(model: SwinV2) -> SwinV2:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator).to(parameter))
    return model


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 48, 96)


@pytest.mark.parametrize(
    ("arch", "count"), [("base", 86_893_816), ("huge", 655_219_370), ("1b", 1_060_976_996), ("giant", 2_997_843_680)]
)
def test_parameter_counts(arch: str, count: int) -> None:
    with torch.device("meta"):
        model = SwinV2(arch, mask_mode=None)
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize(("size", "window", "giga"), [(192, 12, 86.2), (224, 14, 118.1)])
def test_multiply_adds_of_swin_v2_huge(size: int, window: int, giga: float) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        SwinV2("huge", img_size=size, window_size=window)(torch.empty(1, 3, size, size))
    assert counter.get_total_flops() / 2e9 == pytest.approx(giga, rel=3e-3)


def test_extra_norms() -> None:
    with torch.device("meta"):
        giant, base = SwinV2("giant"), SwinV2("base")
        every = SwinV2("base", extra_norm_every_n_blocks=1)
        off = SwinV2("huge", extra_norm_every_n_blocks=0)

    def extra(model: SwinV2) -> list[str]:
        return [name.removesuffix(".norm3.weight") for name in model.state_dict() if name.endswith("norm3.weight")]

    assert extra(giant) == [f"layers.2.blocks.{i}" for i in (5, 11, 17, 23, 29, 35, 41)]
    assert not extra(base) and not extra(off) and len(extra(every)) == 24
    assert giant.get_layer_depth("layers.2.blocks.5.norm3.weight") == (10, 52)


def test_blocks_start_as_the_identity(images: Tensor) -> None:
    model = swin()
    x = torch.randn(2, 12, 24, 8)
    for block in model.layers[0].blocks:
        assert block(x).equal(x)
    attn = model.layers[0].blocks[0].attn
    assert attn.logit_scale.mean().item() == pytest.approx(math.log(10)) and attn.q_bias.abs().max() == 0
    assert attn.cpb_mlp[0].weight.std().item() == pytest.approx(0.02, rel=0.2)
    normed = swin(arch=dict(SMALL, extra_norm_every_n_blocks=2)).layers[0].blocks[1]
    torch.testing.assert_close(normed(x), torch.nn.functional.layer_norm(x, (8,)))


@pytest.mark.parametrize("impl", ["explicit", "sdpa"])
@pytest.mark.parametrize(
    ("size", "window", "known"),
    [((48, 96), 3, (0, 0, 0)), ((96, 96), 6, (3, 3, 3)), ((48, 96), 6, (0, 0, 0)), ((48, 96), 6, (12, 12, 6))],
)
def test_state_dict_and_features_are_timms(impl: str, size: tuple[int, int], window: int, known: tuple) -> None:
    options = dict(img_size=size, window_size=window, pretrained_window_sizes=known)
    model = scrambled(swin(mask_mode=None, attn_impl=impl, **options).double())
    model.layers[0].blocks[0].attn.logit_scale.data.fill_(5.0)  # beyond the clamp at ln 100
    other = SwinTransformerV2(
        in_chans=5, num_classes=0, global_pool="", embed_dim=8, depths=(2, 2, 3), num_heads=(1, 2, 4), **options
    )
    other = other.eval().double()
    other.load_state_dict(model.state_dict(), strict=True)
    images = torch.randn(2, 5, *size, dtype=torch.float64)
    expected = other.forward_features(images)  # (B,h,w,D)
    torch.testing.assert_close(model(images)[0], expected.flatten(1, 2), atol=1e-12, rtol=0)
    model.load_state_dict(other.state_dict(), strict=True)


def test_what_is_under_the_mask_does_not_matter(images: Tensor) -> None:
    model = scrambled(swin())
    cells = torch.zeros(2, 3, 6, dtype=torch.bool)
    cells[0, 1, 2:] = cells[1, 2, :4] = True
    hidden = cells.repeat_interleave(4, 1).repeat_interleave(4, 2)
    mask, pixels = PatchMask.from_bool(hidden), cells.repeat_interleave(16, 1).repeat_interleave(16, 2).unsqueeze(1)
    noise = torch.where(pixels, torch.rand_like(images) * 100, images)
    assert model(noise, mask)[0].equal(model(images, mask)[0])
    assert not model(noise)[0].equal(model(images)[0])


def test_any_size() -> None:
    model = scrambled(swin(dynamic_size=True, out_indices=(0, 1, 2), out_type="featmap"))
    maps = model(torch.randn(1, 5, 50, 85))
    assert [tuple(m.shape[1:]) for m in maps] == [(8, 13, 22), (16, 7, 11), (32, 4, 6)]
    assert all(m.isfinite().all() for m in maps)


def test_checkpoints_of_another_window_load(images: Tensor) -> None:
    source = scrambled(swin())
    state = source.state_dict()
    state["layers.0.blocks.0.attn.relative_coords_table"] = torch.zeros(1, 5, 5, 2)
    target = swin(window_size=6, pretrained_window_sizes=(3, 3, 3), mask_mode=None)
    target.load_state_dict(state, strict=True)
    attn, other = target.layers[0].blocks[0].attn, source.layers[0].blocks[0].attn
    bias = attn.position_bias()[0, :, :3, :3]  # the same offsets have the same bias in either window
    torch.testing.assert_close(bias, other.position_bias()[0, :, :3, :3])
    with pytest.raises(ValueError, match="pretrained_window_sizes"):
        swin(pretrained_window_sizes=(3, 3))


def test_gradients_and_checkpointing(images: Tensor) -> None:
    plain = scrambled(swin(arch=dict(SMALL, extra_norm_every_n_blocks=2)))
    saving = swin(arch=dict(SMALL, extra_norm_every_n_blocks=2), with_cp=True)
    saving.load_state_dict(plain.state_dict())
    hidden = torch.zeros(2, 12, 24, dtype=torch.bool)
    hidden[:, :4, :8] = True
    for model in (plain, saving):
        model.train()(images, PatchMask.from_bool(hidden))[0].square().mean().backward()
    for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
        assert a.grad.abs().max() > 0 and a.grad.equal(b.grad)


def test_autocast_trains_every_parameter(images: Tensor) -> None:
    model = scrambled(swin(mask_mode=None)).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(images)[0].float().square().mean().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())


def test_names_of_official_checkpoints() -> None:
    assert official_to_timm("layers.0.blocks.0.attn.relative_coords_table") is None
    for name in swin().state_dict():
        assert official_to_timm("encoder." + timm_to_official(name)) == name
