"""The BEiT-style ViT: equal to timm's, its features and protocols."""

from typing import Any

import pytest
import torch
from small_beit_vit import TABLE, beit_vit, half, lively
from timm.models.beit import Beit
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmmim.models.backbones import BEiTViT
from mmmim.models.layers import PatchMask


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 32, 64, dtype=torch.float64)  # 4x8 patches


# ------------------------------------------------------------------ the network


def test_parameter_counts() -> None:
    def count(**options: Any) -> int:
        with torch.device("meta"):
            model = BEiTViT(**options)
        return sum(p.numel() for p in model.parameters())

    assert count() == 85_666_128  # SimMIM's ViT-B with mask token and shared table
    fine_tuned = count(mask_mode=None, rel_pos="block", out_type="avg", fc_norm=True)
    assert fine_tuned + 768 * 1000 + 1000 == 86_530_984
    assert round(count(arch="small") / 1e6, 2) == 21.60
    assert round(count(arch="large", layer_scale=1e-5) / 1e6, 1) == 303.1
    plain = dict(rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv")
    assert count(mask_mode=None, **plain) == 85_798_656  # CIM's enhancer
    generator = dict(embed_dims=768, depth=4, num_heads=12)
    assert count(arch=generator, **plain) == 29_096_448  # CIM's small BEiT


def test_tensors_that_simmim_decays() -> None:
    with torch.device("meta"):
        model = BEiTViT()
    decayed = [n for n, p in model.named_parameters() if p.ndim > 1 and n not in ("cls_token", "pos_embed")]
    assert len(decayed) == 51  # and the decoder's weight
    assert {"mask_token", f"rel_pos_bias.{TABLE}", "blocks.11.attn.qkv.weight"} <= set(decayed)


@pytest.mark.parametrize("rel_pos", ["shared", "block"])
@pytest.mark.parametrize("pos_embed", ["none", "learned"])
def test_the_same_network_as_timms_beit(images: Tensor, rel_pos: str, pos_embed: str) -> None:
    model = lively(beit_vit(rel_pos=rel_pos, pos_embed=pos_embed, mask_mode=None))
    theirs = Beit(
        img_size=(32, 64),
        patch_size=8,
        in_chans=5,
        num_classes=0,
        global_pool="",
        embed_dim=48,
        depth=3,
        num_heads=4,
        init_values=0.1,
        use_abs_pos_emb=pos_embed == "learned",
        use_shared_rel_pos_bias=rel_pos == "shared",
        use_rel_pos_bias=rel_pos == "block",
    )
    theirs = theirs.double().eval()
    theirs.load_state_dict(model.state_dict(), strict=True)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):  # timm's bias has three axes, which changes the kernel
        assert model(images)[0].equal(theirs.forward_features(images))
        pooled = lively(beit_vit(rel_pos=rel_pos, pos_embed=pos_embed, mask_mode=None, out_type="avg", fc_norm=True))
        theirs.norm, theirs.fc_norm, theirs.global_pool = nn.Identity(), nn.LayerNorm(48, eps=1e-6).double(), "avg"
        theirs.load_state_dict(pooled.state_dict(), strict=True)
        assert pooled(images)[0].equal(theirs(images))


def test_attention_is_softmax_of_products_and_bias(images: Tensor) -> None:
    model = lively(beit_vit())
    (h, w), x = (4, 8), model.embed(images)
    attn, table = model.blocks[0].attn, model.rel_pos_bias.relative_position_bias_table
    q = (x @ attn.qkv.weight[:48].T + attn.q_bias).unflatten(-1, (4, 12))
    k = (x @ attn.qkv.weight[48:96].T).unflatten(-1, (4, 12))
    v = (x @ attn.qkv.weight[96:].T + attn.v_bias).unflatten(-1, (4, 12))
    bias = x.new_zeros(4, 33, 33)
    bias[:, 0, 1:], bias[:, 1:, 0], bias[:, 0, 0] = table[-3][:, None], table[-2][:, None], table[-1]
    for i in range(h * w):
        for j in range(h * w):
            down, right = i // w - j // w, i % w - j % w
            bias[:, 1 + i, 1 + j] = table[(down + h - 1) * (2 * w - 1) + right + w - 1]
    weights = (torch.einsum("bihd,bjhd->bhij", q, k) / 12**0.5 + bias).softmax(-1)
    out = torch.einsum("bhij,bjhd->bihd", weights, v).flatten(2) @ attn.proj.weight.T + attn.proj.bias
    torch.testing.assert_close(attn(x, model._bias(table, (4, 8)), (4, 8)), out, rtol=0, atol=1e-12)


def test_drop_path_rises_from_zero_and_is_a_training_matter(images: Tensor) -> None:
    model = lively(beit_vit(drop_path_rate=0.4))
    assert [getattr(block.drop_path1, "drop_prob", 0) for block in model.blocks] == pytest.approx([0, 0.2, 0.4])
    same = lively(beit_vit())
    assert model(images)[0].equal(same(images)[0]) and not model.train()(images)[0].equal(same(images)[0])


# ------------------------------------------------------------------ features and protocols


def test_output_types_and_taps(images: Tensor) -> None:
    raw = lively(beit_vit(out_indices=[0, 2]))

    def like(**options: Any) -> Any:
        return lively(beit_vit(out_indices=[0, 2], **options))

    first, last = raw(images)
    assert first.shape == last.shape == (2, 33, 48)
    assert like(out_type="featmap")(images)[1].equal(last[:, 1:].transpose(1, 2).unflatten(2, (4, 8)))
    torch.testing.assert_close(like(out_type="avg")(images)[0], first[:, 1:].mean(1))
    assert like(out_type="cls")(images)[1].equal(last[:, 0])
    unnormed = like(final_norm=False)(images)
    assert unnormed[0].equal(first)
    torch.testing.assert_close(raw.norm(unnormed[1]), last)
    pooled = like(out_type="avg", fc_norm=True)
    torch.testing.assert_close(pooled(images)[0], first[:, 1:].mean(1))  # the mean of an inner block is not normed
    torch.testing.assert_close(pooled(images)[1], pooled.fc_norm(unnormed[1][:, 1:].mean(1)))


@pytest.mark.parametrize("rel_pos", ["shared", "block"])
def test_recomputed_blocks_give_the_same_gradients(images: Tensor, rel_pos: str) -> None:
    grads = []
    for with_cp in (False, True):
        model = lively(beit_vit(with_cp=with_cp, rel_pos=rel_pos)).train()
        (model(images, PatchMask.from_bool(fixed_mask()))[0] ** 2).sum().backward()
        grads.append({n: p.grad for n, p in model.named_parameters()})
    for name, grad in grads[0].items():
        torch.testing.assert_close(grads[1][name], grad, rtol=1e-12, atol=1e-12)


def fixed_mask() -> Tensor:
    return (torch.arange(64).view(2, 4, 8) % 3) == 0


def test_frozen_parts_stay(images: Tensor) -> None:
    model = beit_vit(frozen_stages=1, drop_path_rate=0.5).train()
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert {n.split(".")[1] for n in trained if n.startswith("blocks")} == {"1", "2"}
    assert not trained & {"cls_token", "mask_token", "patch_embed.proj.weight", f"rel_pos_bias.{TABLE}"}
    assert not model.blocks[0].training and model.blocks[1].training
    assert not beit_vit(frozen_stages=3)(images.float())[0].requires_grad


def test_layer_ids() -> None:
    with torch.device("meta"):
        shared = BEiTViT()
        block = BEiTViT(rel_pos="block", out_type="avg", fc_norm=True, pos_embed="learned")
    ids = {n: shared.get_layer_depth("backbone." + n, "backbone.") for n, _ in shared.named_parameters()}
    assert {total for _, total in ids.values()} == {14} and {i for i, _ in ids.values()} == set(range(14))
    assert ids["mask_token"][0] == ids["cls_token"][0] == ids["patch_embed.proj.bias"][0] == 0
    assert ids[f"rel_pos_bias.{TABLE}"][0] == ids["norm.weight"][0] == 13 and ids["blocks.11.gamma_1"][0] == 12
    assert block.get_layer_depth(f"blocks.4.attn.{TABLE}") == (5, 14)
    assert block.get_layer_depth("fc_norm.bias")[0] == 13 and block.get_layer_depth("pos_embed")[0] == 0


def test_description_and_protocol() -> None:
    model = beit_vit(patch_size=(8, 16))
    assert model.grid_size == (4, 4) and model.stride == model.patch_size == (8, 16) and model.num_prefix == 1
    assert model.grid(torch.empty(1, 5, 16, 16)) == (2, 1)
    facts = model.describe()
    assert facts["backbone"] == "BEiTViT" and facts["rel_pos"] == "shared" and facts["in_channels"] == 5


def test_autocast_keeps_the_residual_stream_in_fp32(images: Tensor) -> None:
    model = beit_vit(final_norm=False, layer_scale=None)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(images.float())[0].dtype == torch.float32
        assert model(images.float(), half())[0].dtype == torch.float32


def test_bad_input(images: Tensor) -> None:
    with pytest.raises(ValueError, match="3 channels, the backbone has in_channels=5"):
        beit_vit()(images[:, :3].float())
    with pytest.raises(ValueError, match="not divisible by patch_size"):
        beit_vit()(images[..., :-1].float())
    with pytest.raises(ValueError, match="mask grid"):
        beit_vit()(images.float(), half((4, 4)))
    with pytest.raises(ValueError, match="mask_mode='replace'"):
        beit_vit(mask_mode=None)(images.float(), half())
    with pytest.raises(ValueError, match="did you mean 'shared'"):
        beit_vit(rel_pos="share")
    with pytest.raises(ValueError, match="out_type='raw'; use 'avg'"):
        beit_vit(fc_norm=True)
    with pytest.raises(ValueError, match="num_heads=5"):
        beit_vit(arch=dict(embed_dims=48, depth=1, num_heads=5))
    with pytest.raises(ValueError, match="out_indices"):
        beit_vit(out_indices=[3])
    with pytest.raises(ValueError, match="frozen_stages=4"):
        beit_vit(frozen_stages=4)
