"""CIM: what the enhancer sees and learns, masks, pictures, bad configs."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from small_cim import GENERATOR, RESNET, RESPIX, REVDET, TRUNK, VIT, build, pictures
from torch import Tensor

from mmmim.models.layers import PatchMask, patchify


@pytest.mark.parametrize("backbone", [VIT, RESNET], ids=["vit", "resnet"])
@pytest.mark.parametrize("objective", [RESPIX, REVDET], ids=["respix", "revdet"])
def test_both_losses_fall_on_one_batch(backbone: dict, objective: dict) -> None:
    torch.manual_seed(0)
    model, images = build(backbone, objective), pictures(4)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    history = []
    for _ in range(100):
        model.set_step(0, 0)
        losses = model.loss(images)
        optimizer.zero_grad()
        sum(v for k, v in losses.items() if k.startswith("loss")).backward()
        optimizer.step()
        history.append(losses)
    for name in [name for name in history[0] if name.startswith("loss")]:
        first, last = (sum(h[name].item() for h in part) / 5 for part in (history[:5], history[-5:]))
        assert last < 0.95 * first, name
    assert history[0]["replaced_ratio"] <= 10 / 24


def test_enhancer_sees_the_painted_image_only(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images = build(), pictures()
    seen: list[Tensor] = []
    forward = model.backbone.forward
    monkeypatch.setattr(model.backbone, "forward", lambda x, mask=None: (seen.append(x), forward(x, mask))[1])
    torch.manual_seed(5)
    model.loss(images)
    torch.manual_seed(5)
    model.set_step(0, 0)
    made = model.corrupt(images, model.draw_mask(images))
    assert torch.equal(seen[0], made.images)


def test_respix_scores_all_pixels_against_the_window() -> None:
    model, images = build(), pictures()
    torch.manual_seed(5)
    losses = model.loss(images)
    torch.manual_seed(5)
    model.set_step(0, 0)
    made = model.corrupt(images, model.draw_mask(images))
    error = model.neck(model.backbone(made.images)[-1]) - model.target_generator(images)
    assert error.shape == (2, 24, 768)
    assert losses["loss_reconstruction"].item() == pytest.approx(
        10 * (error.abs().mean() + error.square().mean()).item()
    )


def test_first_losses() -> None:
    """RevDet starts near ln 2, ResPix at E|z| + E z^2 of its target plus the little noise of an untrained head."""
    torch.manual_seed(0)
    images = pictures(8)
    assert 0.65 < build(objective=REVDET).loss(images)["loss_replaced"].item() < 0.75
    model = build()
    z = model.target_generator(images)
    expected = (z.abs().mean() + z.square().mean()).item()
    assert expected < model.loss(images)["loss_reconstruction"].item() / 10 < expected + 0.3


def test_resnet_cells_list_tokens_row_by_row() -> None:
    """As a 1x1 convolution and a pixel shuffle would: channel 2 of 2 x 2 is row 1, column 0."""
    model = build(RESNET, REVDET)
    assert model.neck.layers[0].out_features == 4
    replaced = torch.zeros(1, 4, 6, dtype=torch.bool)
    replaced[0, 1, 2] = True
    target = model.target_generator(replaced)  # (1,6,4)
    assert target.nonzero().tolist() == [[0, 1, 2]]
    logits = torch.randn(1, 6, 4)
    shuffled = F.pixel_shuffle(logits.transpose(1, 2).unflatten(2, (2, 3)), 2)  # (1,1,4,6)
    assert torch.equal(patchify(shuffled, (2, 2)), logits)


def test_resnet_predicts_32_pixel_cells() -> None:
    model, images = build(RESNET), pictures()
    assert model.target_generator(images).shape == (2, 6, 3 * 32 * 32)
    assert model.predict(images)["output"].shape == images.shape


# ---------------------------------------------------------------- masks, pictures, options


def test_masks_lie_on_the_generators_grid() -> None:
    model, images = build(RESNET), pictures(3)
    mask = model.draw_mask(images)
    assert mask.grid == (4, 6)
    assert mask.mask.sum((1, 2)).tolist() == [10, 10, 10]


def test_a_number_of_masked_patches_for_every_batch() -> None:
    model, images = build(masker=dict(type="mmmim.RandomMasker", num_masked=(8, 12))), pictures(3)
    counts = set()
    for step in range(40):
        model.set_step(0, step)
        mask = model.draw_mask(images)
        assert (mask.mask.sum((1, 2)) == mask.num_hidden).all()
        counts.add(mask.num_hidden)
    assert counts == {8, 9, 10, 11, 12}


@pytest.mark.parametrize("objective", [RESPIX, REVDET], ids=["respix", "revdet"])
def test_pictures(objective: dict) -> None:
    model, images = build(objective=objective), pictures()
    drawn = model.predict(images)
    assert drawn["corrupted"].shape == drawn["output"].shape == drawn["target"].shape == images.shape
    assert drawn["generator_mask"].shape == (2, 4, 6) and drawn["generator_mask"].sum() == 20
    assert not drawn["mask"].any()  # the enhancer sees all patches
    if objective is REVDET:
        assert drawn["target_space"] == "replaced"


def test_replaced_tokens_darken_their_place() -> None:
    target = build(objective=REVDET).target_generator
    logits = torch.full((1, 24, 1), -20.0)
    logits[0, 2 * 6 + 4] = 20.0
    white = target.color_space.normalise(torch.ones(1, 3, 64, 96))
    shown = target.color_space.to_unit(target.to_image(logits, white))
    assert shown[0, 0, 32:48, 64:80].max() == pytest.approx(0.2)
    shown[0, :, 32:48, 64:80] = 1
    assert shown.min() == pytest.approx(1.0)


def test_pixel_generator_trains_with_an_enhancer() -> None:
    generator = dict(
        type="mmmim.PixelGenerator",
        backbone=dict(type="mmmim.ViT", arch=TRUNK["arch"]),
        neck=dict(type="mmmim.MAEDecoder", dims=16, depth=1, num_heads=2),
    )
    model, images = build(generator=generator), pictures()
    losses = model.loss(images)
    assert set(losses) == {"loss_generator", "loss_reconstruction", "corrupted_mse"}
    with pytest.raises(ValueError, match="needs tokens, which a PixelGenerator does not make"):
        build(objective=REVDET, generator=generator)


def test_other_image_sizes() -> None:
    model = build()
    assert math.isfinite(model.loss(torch.randn(2, 3, 96, 64))["loss_reconstruction"].item())


def test_autocast_keeps_targets_in_float32() -> None:
    model, images = build(), pictures()
    full = model.target_generator(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(model.target_generator(images), full)
        assert all(math.isfinite(v) for v in model.loss(images).values())


SMALL = dict(GENERATOR, share_layers=2)


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            dict(masker=dict(type="mmmim.RandomMasker", num_masked=25)),
            "num_masked=25 is larger than the grid of 4x6 = 24",
        ),
        (dict(masker=dict(type="mmmim.RandomMasker", num_masked=-1)), "num_masked=-1"),
        (dict(generator=dict(SMALL, embed_dims=32)), "share_layers=2 needs a BEiTViT.*'embed_dims': 32.*with.*24"),
        (dict(generator=dict(SMALL, patch_size=32), masker=dict(type="mmmim.RandomMasker")), "needs a BEiTViT.*32, 32"),
        (dict(backbone=RESNET, generator=dict(SMALL, num_heads=6)), "backbone is a ResNet"),
        (dict(generator=dict(SMALL, patch_size=24, share_layers=0)), "24"),
        (dict(generator=dict(SMALL, patch_size=8, share_layers=0), **REVDET), "token_size=.16, 16. must be.*8, 8"),
        (
            dict(head=dict(type="mmmim.BinaryCrossEntropyHead")),
            "PixelTarget, whose values are numbers; use a Recon",
        ),
        (dict(REVDET, head=dict(type="mmmim.ReconstructionHead", scope="all")), "use a BinaryCrossEntropyHead"),
        (dict(head=dict(type="mmmim.ReconstructionHead")), "scope"),
        (dict(loss_weights=dict(enhance=1.0)), "enhance"),
        (dict(degradation=dict(type="mmmim.ZoomIn")), "leave degradation out"),
    ],
)
def test_bad_configs(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_a_mask_of_the_right_grid_is_taken_as_it_is() -> None:
    model, images = build(), pictures()
    mask = PatchMask.from_keys(torch.rand(2, 24), 5, (4, 6))
    assert torch.equal(model.predict(images, mask)["generator_mask"], mask.mask)
