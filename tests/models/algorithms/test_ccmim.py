import copy
import math

import pytest
import torch
from torch import Tensor

from mmmim.models.algorithms import CCMIM, MaskedImageModel
from mmmim.models.layers import take
from mmmim.registry import MODELS

PARTS = dict(
    backbone=dict(type="mmmim.ViT", arch=dict(embed_dims=48, depth=3, num_heads=4), img_size=(32, 64), patch_size=8),
    neck=dict(type="mmmim.MAEDecoder", dims=32, depth=2, num_heads=4),
    target_generator=dict(type="mmmim.PixelTarget"),
)


def ccmim(**options) -> CCMIM:
    config = copy.deepcopy({**PARTS, "masker": dict(type="mmmim.ImportanceMasker"), **options})
    return MODELS.build(dict(type="mmmim.CCMIM", **config)).train()


def mae(**options) -> MaskedImageModel:
    config = copy.deepcopy({**PARTS, "masker": dict(type="mmmim.RandomMasker"), **options})
    return MODELS.build(dict(type="mmmim.MaskedImageModel", **config)).train()


TARGETS = [dict(type="mmmim.PixelTarget", norm_pix="none"), dict(type="mmmim.HOGTarget", cell=4)]


@pytest.fixture
def images() -> Tensor:
    return torch.randn(6, 3, 32, 64)


def step(model: MaskedImageModel, images: Tensor) -> dict[str, Tensor]:
    model.set_step(seed=1, iteration=5)
    losses = model(images, mode="loss")
    total, _ = model.parse_losses(losses)
    total.backward()
    return losses


def gradients(model: MaskedImageModel) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


# ------------------------------------------------------------------ ccMIM and MAE


def test_random_masks_and_no_contrast_are_mae(images: Tensor) -> None:
    reference, model = mae(), ccmim(contrast_weight=0)
    model.masker = reference.masker
    model.load_state_dict(reference.state_dict())
    expected, losses = step(reference, images), step(model, images)
    assert set(losses) == {"loss_reconstruction"}
    assert losses["loss_reconstruction"].equal(expected["loss_reconstruction"])
    assert all(g.equal(gradients(reference)[n]) for n, g in gradients(model).items())


def test_reconstruction_beside_the_contrast_is_maes_too(images: Tensor) -> None:
    reference, model = mae(), ccmim()
    model.masker = reference.masker
    model.load_state_dict(reference.state_dict(), strict=False)
    expected, losses = step(reference, images), step(model, images)
    torch.testing.assert_close(losses["loss_reconstruction"], expected["loss_reconstruction"], atol=1e-6, rtol=0)


def test_no_contrast_skips_the_masked_branch(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ccmim(contrast_weight=0)
    assert not hasattr(model, "projector") and not hasattr(model, "contrast")
    monkeypatch.setattr(model.backbone, "encode_cls", lambda *_: pytest.fail("the masked branch ran"))
    assert "mask_overlap" in step(model, images)


def test_full_grid_and_hidden_only_losses_agree(images: Tensor) -> None:
    """The last decoder block computes hidden queries only; the loss is that of the full grid, masked."""
    model = mae()
    mask = model.draw_mask(images)
    latent = model.backbone(images, mask)[-1]
    full, target = model.neck(latent, mask), model.target_generator(images)  # (B,N,T)
    per_patch = (full - target).square().mean(-1)
    expected = (per_patch * mask.mask.flatten(1)).sum() / mask.mask.sum()
    losses = model.reconstruction_loss(images, latent, mask)
    torch.testing.assert_close(losses["loss_reconstruction"], expected)


def test_mask_tokens_stand_at_hidden_positions(images: Tensor) -> None:
    model = mae()
    mask = model.draw_mask(images)
    x = model.neck.decoder_embed(model.backbone(images, mask)[-1])
    restored = model.neck._restore(x, mask)
    hidden = take(restored[:, 1:], mask.hidden)
    assert hidden.equal(model.neck.mask_token.expand_as(hidden))
    assert take(restored[:, 1:], mask.visible).equal(x[:, 1:])


# ------------------------------------------------------------------ contrast branch


def test_stop_gradient_equals_graph_and_detach(images: Tensor) -> None:
    lean = ccmim()
    graph = ccmim()
    graph.load_state_dict(lean.state_dict())

    def with_graph_then_detach(tokens: Tensor, mask) -> Tensor:
        encoded = graph.backbone.encode(take(tokens, mask.hidden))[-1][:, 0]
        return graph.projector(encoded).detach()

    graph.masked_projection = with_graph_then_detach
    for model in (lean, graph):
        step(model.double(), images.double())
    for name, gradient in gradients(lean).items():
        torch.testing.assert_close(gradient, gradients(graph)[name], atol=1e-12, rtol=0)


def test_the_masked_branch_gets_no_gradient_unless_asked(images: Tensor) -> None:
    for stop_grad in (True, False):
        model = ccmim(stop_grad=stop_grad)
        tokens = model.backbone.embed(images)
        mask, _ = model.divide(images, tokens)
        assert model.masked_projection(tokens, mask).requires_grad is not stop_grad


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("contrast", [dict(type="mmmim.InfoNCE"), dict(type="mmmim.Align", hidden=32)])
def test_every_trainable_parameter_gets_a_gradient(images: Tensor, autocast: bool, contrast: dict) -> None:
    model = ccmim(contrast=contrast)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        losses = step(model, images)
    assert all(value.isfinite() for value in losses.values())
    assert losses["loss_reconstruction"].dtype == losses["loss_contrast"].dtype == torch.float32
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without
    # the norm of a zero gradient would pass unnoticed
    assert all(g.abs().sum() > 0 for n, g in gradients(model).items() if n.endswith("qkv.weight"))


def test_scores_stay_in_full_precision_under_autocast(images: Tensor) -> None:
    model = ccmim()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = model.score_patches(model.backbone.embed(images))
    assert scores.dtype == torch.float32 and scores.unique().numel() > 0.9 * scores.numel()


def test_batch_norm_counts_two_calls_per_step(images: Tensor) -> None:
    model = ccmim()
    step(model, images)
    counts = [v.item() for k, v in model.projector.state_dict().items() if k.endswith("num_batches_tracked")]
    assert counts == [2, 2]


def test_total_is_the_weighted_sum_and_starts_where_it_should(images: Tensor) -> None:
    model = ccmim(contrast_weight=0.3)
    model.set_step(0, 0)
    losses = model(images, mode="loss")
    total, log = model.parse_losses(losses)
    assert losses["loss_contrast"].item() == pytest.approx(0.3 * losses["contrast"].item())
    assert total.item() == pytest.approx((losses["loss_reconstruction"] + losses["loss_contrast"]).item())
    assert losses["contrast"].item() == pytest.approx(math.log(2 * 6 - 1), abs=1)
    assert log["loss"].item() == pytest.approx(total.item())


def test_position_tables_do_not_move(images: Tensor) -> None:
    model = ccmim()
    tables = {n: p.clone() for n, p in model.named_parameters() if n.endswith("pos_embed")}
    assert len(tables) == 2
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    step(model, images)
    optimizer.step()
    assert all(dict(model.named_parameters())[n].equal(table) for n, table in tables.items())


# ------------------------------------------------------------------ randomness, pictures, building


def test_masks_are_a_function_of_seed_and_iteration(images: Tensor) -> None:
    model = mae()

    def mask(seed: int, iteration: int) -> Tensor:
        model.set_step(seed, iteration)
        return model.draw_mask(images).mask

    assert mask(0, 7).equal(mask(0, 7))
    assert not mask(0, 7).equal(mask(0, 8)) and not mask(0, 7).equal(mask(1, 7))


@pytest.mark.parametrize("build", [mae, ccmim])
@pytest.mark.parametrize("target", TARGETS)
def test_predict_gives_what_a_picture_needs(images: Tensor, build, target: dict) -> None:
    picture = build(target_generator=target).eval()(images, mode="predict")
    assert picture["mask"].shape == (6, 4, 8) and picture["mask"].sum((1, 2)).tolist() == [24] * 6
    assert picture["output"].shape == picture["target"].shape == images.shape
    if picture["target_space"] == "pixel":
        torch.testing.assert_close(picture["target"], images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("masker", ["RandomMasker", "BlockMasker", "ImportanceMasker"])
@pytest.mark.parametrize(
    "target", [dict(type="mmmim.PixelTarget", norm_pix="none"), dict(type="mmmim.HOGTarget", cell=4)]
)
def test_any_masker_with_any_target_in_any_algorithm(images: Tensor, masker: str, target: dict) -> None:
    model = ccmim(target_generator=target)
    model.masker = MODELS.build(dict(type=f"mmmim.{masker}"))
    assert all(value.isfinite() for value in step(model, images).values())


def test_parts_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="needs patch scores, which MaskedImageModel does not make"):
        mae(masker=dict(type="mmmim.ImportanceMasker"))
    with pytest.raises(ValueError, match="there is no masker"):
        mae(masker=None)
    with pytest.raises(ValueError, match="does not fit backbone and target_generator"):
        mae(neck=dict(type="mmmim.MAEDecoder", dims=32, depth=1, num_heads=4, out_dims=5))
    with pytest.raises(ValueError, match="contrast_weight=-1"):
        ccmim(contrast_weight=-1)
    with pytest.raises(ValueError, match="use mask_mode='drop'"):
        ccmim(backbone=dict(PARTS["backbone"], mask_mode="replace"))
    with pytest.raises(ValueError, match="at least one must be visible"):
        mae(masker=dict(type="mmmim.RandomMasker", mask_ratio=0.99))


def test_unmasked_reconstruction_of_all_patches(images: Tensor) -> None:
    model = mae(
        masker=None,
        head=dict(type="mmmim.ReconstructionHead", scope="all"),
        neck=dict(PARTS["neck"], use_mask_token=False),
    )
    assert step(model, images)["loss_reconstruction"].isfinite()
    assert not any("mask_token" in name for name, _ in model.named_parameters())
    assert not model.predict(images)["mask"].any()
