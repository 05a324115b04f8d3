import pytest
import torch
from small_vit import vit
from torch import Tensor, nn

from mmmim.models.backbones import BEiTViT, ViT
from mmmim.models.layers import sincos_pos_embed
from mmmim.models.maskers import ImportanceMasker, RandomMasker

SMALL = dict(embed_dims=48, depth=3, num_heads=4)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 32, 64)  # 4x8 patches


# ------------------------------------------------------------------ positions


def test_positions_are_in_mae_order() -> None:
    table = sincos_pos_embed((2, 3), 48)[0]
    assert table[0].abs().max() == 0
    token = table[2]  # row 0, column 1
    assert [token[i].item() for i in (0, 12, 24, 36)] == pytest.approx([0.841471, 0.540302, 0.0, 1.0], abs=1e-6)
    with pytest.raises(ValueError, match="dim=50"):
        sincos_pos_embed((2, 2), 50)


def test_other_image_sizes_interpolate_at_run_time() -> None:
    model = vit(pos_embed="learned")
    large = vit(pos_embed="learned", img_size=(64, 64), pretrain_img_size=(32, 64))
    large.load_state_dict(model.state_dict())
    images = torch.randn(1, 5, 64, 64)
    torch.testing.assert_close(model(images)[0], large(images)[0])


@pytest.mark.parametrize("kind", ["sincos", "learned", "none"])
def test_position_kinds_train_or_not(kind: str) -> None:
    table = vit(pos_embed=kind).pos_embed
    assert (table is None) == (kind == "none")
    assert table is None or table.requires_grad == (kind == "learned")
    assert vit(freeze_pos=False).pos_embed.requires_grad


# ------------------------------------------------------------------ features


def test_output_types_and_taps(images: Tensor) -> None:
    raw = vit(out_indices=[0, 2])
    state = raw.state_dict()

    def like(**options) -> ViT:
        model = vit(out_indices=[0, 2], **options)
        model.load_state_dict(state)
        return model

    first, last = raw(images)
    assert first.shape == last.shape == (2, 33, 48)
    maps = like(out_type="featmap")(images)
    assert maps[1].equal(last[:, 1:].transpose(1, 2).unflatten(2, (4, 8)))
    torch.testing.assert_close(like(out_type="avg")(images)[0], first[:, 1:].mean(1))
    assert like(out_type="cls")(images)[1].equal(last[:, 0])
    plain = vit(out_indices=[0, 2], final_norm=False)
    plain.load_state_dict(state)  # the final norm is dropped by the load hook
    torch.testing.assert_close(nn.functional.layer_norm(plain(images)[1], (48,), eps=1e-6), last, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("encoder", "advice"),
    [
        (lambda: vit(), r"image size 50x85 is not divisible by patch_size 8x8; crop or resize to 48x80"),
        (
            lambda: vit(out_type="featmap"),
            r"divisor=8 in MMDetection; in MMSegmentation .*\.size_divisor=8, and test_cfg",
        ),
        (lambda: vit(out_type="featmap", img_size=48, patch_size=(16, 24)), "pad_size_divisor=48 in"),
        (lambda: BEiTViT(SMALL, img_size=32, patch_size=8, in_channels=5, out_type="featmap"), "pad_size_divisor=8 in"),
    ],
    ids=["tokens", "maps", "patches that are not square", "BEiT"],
)
def test_images_that_are_no_whole_patches(encoder, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        encoder()(torch.randn(1, 5, 50, 85))


def test_dropped_tokens_are_really_absent(images: Tensor) -> None:
    model, mask = vit(), RandomMasker()((4, 8), 2)
    latent = model(images, mask)[0]
    assert latent.shape == (2, 1 + 8, 48)
    changed = torch.where(mask.mask.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None], 99.0, images)
    assert model(changed, mask)[0].equal(latent)
    tokens = model.embed(images).gather(1, mask.visible[..., None].expand(-1, -1, 48))
    torch.testing.assert_close(model.encode(tokens)[0], latent, atol=1e-5, rtol=0)


def test_mask_tokens_replace_hidden_patches(images: Tensor) -> None:
    model, mask = vit(mask_mode="replace"), RandomMasker()((4, 8), 2)
    out = model(images, mask)[0]
    changed = torch.where(mask.mask.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None], 99.0, images)
    assert out.shape == (2, 33, 48) and model(changed, mask)[0].equal(out)
    assert not model(changed)[0].equal(model(images)[0])


def test_bad_input(images: Tensor) -> None:
    with pytest.raises(ValueError, match="3 channels, the backbone has in_channels=5"):
        vit()(images[:, :3])
    with pytest.raises(ValueError, match="not divisible by patch_size"):
        vit()(images[..., :-1])
    with pytest.raises(ValueError, match="not divisible by patch_size"):
        vit(img_size=30)
    with pytest.raises(ValueError, match="mask grid"):
        vit()(images, RandomMasker()((4, 4), 2))
    with pytest.raises(ValueError, match="did you mean 'base'"):
        ViT(arch="bas")
    with pytest.raises(ValueError, match="num_heads=5"):
        vit(arch=dict(embed_dims=48, depth=1, num_heads=5))
    with pytest.raises(ValueError, match="out_indices"):
        vit(out_indices=[3])


# ------------------------------------------------------------------ partial blocks and scores


def explicit_rows(model: ViT, tokens: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Per block (logits, probabilities) of the full attention matrix, written out head by head."""
    x, rows = model.with_cls(tokens), []
    for block in model.blocks:
        attn, normed = block.attn, block.norm1(x)
        qkv = normed @ attn.qkv.weight.T + attn.qkv.bias
        q, k, v = (part.unflatten(2, (4, 12)) for part in qkv.split(48, dim=2))
        logits = torch.einsum("bqhd,bkhd->bhqk", q, k) / 12**0.5
        weights = logits.softmax(-1)
        out = torch.einsum("bhqk,bkhd->bqhd", weights, v).flatten(2)
        x = x + out @ attn.proj.weight.T + attn.proj.bias
        x = x + block.mlp(block.norm2(x))
        rows.append((logits[:, :, 0], weights[:, :, 0]))
    return rows


@pytest.mark.parametrize("layers", ["first", "last", "all", [0, 2], 1])
@pytest.mark.parametrize("score", ["logit", "prob"])
def test_scores_equal_explicit_attention(images: Tensor, layers, score: str) -> None:
    model, masker = vit(), ImportanceMasker(score=score, score_layers=layers, score_norm="softmax")
    tokens, ids = model.embed(images), masker.layers(3)
    scores = masker.log_score(model.cls_logits(tokens, ids))
    reference = [explicit_rows(model, tokens)[i] for i in ids]
    if score == "logit":
        expected = torch.stack([logits.mean(1)[:, 1:] for logits, _ in reference]).mean(0)
    else:
        expected = torch.stack([weights.mean(1)[:, 1:] for _, weights in reference]).sum(0)
        assert (scores.sum(1) < len(ids)).all()  # the class token's own mass is missing
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)


def test_printed_scale_divides_by_the_width(images: Tensor) -> None:
    model = vit()
    rows = model.cls_logits(model.embed(images), (2,))
    head, embed = (ImportanceMasker(score_scale=s).log_score(rows) for s in ("head_dim", "embed_dim"))
    torch.testing.assert_close(embed * 48**0.5, head * 12**0.5)


def test_score_reads_the_class_query_against_patch_keys() -> None:
    """A key that matches the class query raises its patch's score; a query that matches the class key does not."""
    model = vit(arch=dict(embed_dims=48, depth=1, num_heads=4), pos_embed="none")
    block = model.blocks[0]
    block.norm1 = nn.Identity()
    tokens = torch.randn(1, 32, 48) * 0.1

    def scores(key_gain: float, query_gain: float) -> Tensor:
        planted = tokens.clone()
        planted[0, 7] = 0
        planted[0, 7, 0], planted[0, 7, 1] = key_gain, query_gain
        with torch.no_grad():
            model.cls_token.zero_()[..., 2] = 1.0
            block.attn.qkv.bias.zero_()
            q, k, _ = block.attn.qkv.weight.zero_().chunk(3)
            for head in range(4):
                q[head * 12, 2] = 1.0  # class token: query direction 0
                k[head * 12, 0] = 1.0  # planted key direction 0
                q[head * 12 + 1, 1] = 1.0  # planted query direction 1
                k[head * 12 + 1, 2] = 1.0  # class key direction 1
        return ImportanceMasker().log_score(model.cls_logits(planted, (0,)))[0]

    assert scores(5.0, 0.0).argmax() == 7
    torch.testing.assert_close(scores(0.0, 5.0), scores(0.0, 0.0))


def test_class_row_of_the_last_block_is_exact(images: Tensor) -> None:
    model = vit().double()
    tokens = model.embed(images.double())
    torch.testing.assert_close(model.encode_cls(tokens), model.encode(tokens)[0][:, 0], atol=1e-12, rtol=0)
    x = model.with_cls(tokens)
    torch.testing.assert_close(model.blocks[0](x, lambda t: t[:, 3:9]), model.blocks[0](x)[:, 3:9], atol=1e-12, rtol=0)


def test_scoring_ignores_drop_path(images: Tensor) -> None:
    model = vit(drop_path_rate=0.9)
    tokens = model.embed(images)
    quiet = model.cls_logits(tokens, (2,))[0]
    assert model.train().cls_logits(tokens, (2,))[0].equal(quiet)
    assert model.blocks[2].drop_path1.training


# ------------------------------------------------------------------ protocols


@pytest.mark.parametrize(("arch", "millions"), [("small", 21.67), ("base", 85.80), ("large", 303.30)])
def test_parameter_counts(arch: str, millions: float) -> None:
    with torch.device("meta"):
        model = ViT(arch=arch)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


def test_official_base_count_without_positions() -> None:
    with torch.device("meta"):
        model = ViT()
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 85_647_360


def test_frozen_encoder_builds_no_graph_and_stays_in_eval(images: Tensor) -> None:
    model = vit(frozen_stages=3, drop_path_rate=0.5).train()
    assert not any(p.requires_grad for p in model.parameters())
    assert not any(block.training for block in model.blocks)
    assert not model(images.requires_grad_())[0].requires_grad
    partly = vit(frozen_stages=1)
    assert not partly.blocks[0].attn.qkv.weight.requires_grad and partly.blocks[1].attn.qkv.weight.requires_grad


def test_checkpointing_changes_nothing_but_memory(images: Tensor) -> None:
    plain = vit()
    saving = vit(with_cp=True)
    saving.load_state_dict(plain.state_dict())
    for model in (plain, saving):
        model.train()(images)[0].square().mean().backward()
    assert plain.blocks[0].mlp.fc1.weight.grad.equal(saving.blocks[0].mlp.fc1.weight.grad)


def test_layer_depths() -> None:
    model = ViT(arch=SMALL, mask_mode="replace")
    ids = {name: model.get_layer_depth("backbone." + name, "backbone.")[0] for name, _ in model.named_parameters()}
    assert {ids[n] for n in ("cls_token", "pos_embed", "mask_token", "patch_embed.proj.weight")} == {0}
    assert ids["blocks.0.norm1.weight"] == 1 and ids["blocks.2.mlp.fc2.bias"] == 3 and ids["norm.weight"] == 4
    assert model.get_layer_depth("norm.weight")[1] == 5
