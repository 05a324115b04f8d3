"""CIM: what the enhancer sees and learns, which loss trains what, shared layers, bad configs."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import build_optim_wrapper
from palette import PaletteTokenizer
from torch import Tensor

from mmmim.models.algorithms import CIM
from mmmim.models.layers import PatchMask, patchify

TRUNK: dict[str, Any] = dict(arch=dict(embed_dims=24, depth=3, num_heads=2), img_size=(64, 96), patch_size=16)
VIT = dict(
    type="mmmim.BEiTViT", rel_pos="none", pos_embed="learned", layer_scale=None, qkv_bias="qkv", mask_mode=None, **TRUNK
)
RESNET = dict(
    type="mmmim.ResNet", depth=dict(block="basic", depths=(1, 1, 1, 1), channels=8), img_size=(64, 96), mask_mode=None
)
GENERATOR = dict(type="mmmim.TokenGenerator", tokenizer=dict(type=PaletteTokenizer), depth=3)
RESPIX = dict(
    loss_weights=dict(generator=1.0, enhancer=10.0),
    target_generator=dict(type="mmmim.PixelTarget", norm_pix="window_joint", window=8),
    head=dict(type="mmmim.ReconstructionHead", loss=dict(l1=1.0, l2=1.0), scope="all"),
)
REVDET = dict(target_generator=dict(type="mmmim.ReplacedTokenTarget"), head=dict(type="mmmim.BinaryCrossEntropyHead"))


def build(backbone: dict = VIT, objective: dict = RESPIX, share: int = 2, masker: dict | None = None, **changes) -> CIM:
    if backbone is RESNET:
        share, width = 0, dict(embed_dims=24, num_heads=2)
    else:
        width = {}
    settings = dict(
        data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
        backbone=dict(backbone),
        generator=dict(GENERATOR, share_layers=share, **width),
        masker=masker or dict(type="mmmim.RandomMasker", num_masked=10),
        neck=dict(type="mmmim.LinearDecoder", init="beit"),
        **objective,
    )
    model = CIM(**(settings | changes)).train()
    model.set_step(0, 0)
    return model


def pictures(batch: int = 2) -> Tensor:
    return F.interpolate(torch.randn(batch, 3, 4, 6), (64, 96), mode="bilinear")


@pytest.mark.parametrize("backbone", [VIT, RESNET], ids=["vit", "resnet"])
@pytest.mark.parametrize("objective", [RESPIX, REVDET], ids=["respix", "revdet"])
def test_both_losses_fall_on_one_batch(backbone: dict, objective: dict) -> None:
    torch.manual_seed(0)
    model, images = build(backbone, objective), pictures(4)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    history = []
    for _ in range(60):
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


def test_revdet_scores_all_tokens() -> None:
    model, images = build(objective=REVDET), pictures()
    torch.manual_seed(5)
    losses = model.loss(images)
    torch.manual_seed(5)
    model.set_step(0, 0)
    made = model.corrupt(images, model.draw_mask(images))
    logits = model.neck(model.backbone(made.images)[-1]).squeeze(-1)
    expected = F.binary_cross_entropy_with_logits(logits, made.replaced.flatten(1).float())
    assert logits.shape == (2, 24)
    assert losses["loss_replaced"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert losses["accuracy"].item() == pytest.approx(
        100 * ((logits > 0) == made.replaced.flatten(1)).float().mean().item()
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


# ---------------------------------------------------------------- gradients and shared layers


def gradients(model: CIM, part: str) -> set[str]:
    model.zero_grad()
    losses = model.loss(pictures())
    (losses["loss_generator"] if part == "generator" else losses["loss_reconstruction"]).backward()
    return {name for name, p in model.named_parameters() if p.grad is not None}


def test_without_sharing_each_loss_trains_its_own_network() -> None:
    model = build(share=0)
    assert {name.split(".")[0] for name in gradients(model, "enhancer")} == {"backbone", "neck"}
    generator = gradients(model, "generator")
    assert {name.split(".")[0] for name in generator} == {"generator"}
    assert not any("tokenizer" in name for name in generator)


def test_shared_layers_get_both_gradients() -> None:
    model = build()
    of_generator = {name for name in gradients(model, "generator") if name.startswith("backbone.")}
    assert {".".join(name.split(".")[:3]) for name in of_generator} == {
        "backbone.patch_embed.proj", "backbone.blocks.0", "backbone.blocks.1",
    }  # fmt: skip
    assert not any(name.startswith("generator.") for name in gradients(model, "enhancer"))
    torch.manual_seed(1)
    model.zero_grad()
    model.set_step(0, 1)
    losses = model.loss(images := pictures())
    total = losses["loss_generator"] + losses["loss_reconstruction"]
    total.backward()
    both = model.backbone.blocks[0].mlp.fc1.weight.grad.clone()
    alone = []
    for name in ("loss_generator", "loss_reconstruction"):
        torch.manual_seed(1)
        model.set_step(0, 1)
        pictures()
        model.zero_grad()
        model.loss(images)[name].backward()
        alone.append(model.backbone.blocks[0].mlp.fc1.weight.grad.clone())
    torch.testing.assert_close(both, alone[0] + alone[1], rtol=1e-4, atol=1e-6)


def test_shared_layers_appear_once() -> None:
    model = build()
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert not any(name.startswith("generator.encoder.patch_embed") for name in names)
    assert sum(name.endswith("attn.qkv.weight") for name in names) == 3 + 1  # enhancer's, and the generator's third
    assert not any("tokenizer" in key for key in model.state_dict())
    wrapper = build_optim_wrapper(
        model,
        dict(
            type="mmmim.AutocastOptimWrapper", dtype="float32",
            optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
            constructor="mmmim.LayerDecayOptimWrapperConstructor",
            paramwise_cfg=dict(layer_decay_rate=1.0, custom_keys=dict(mask_token=dict(decay_mult=1.0))),
        ),
    )  # fmt: skip
    held = [id(p) for group in wrapper.optimizer.param_groups for p in group["params"]]
    assert len(held) == len(set(held)) == sum(p.requires_grad for p in model.parameters())


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:CIM's mask hides no patch")
@pytest.mark.parametrize("backbone", [VIT, RESNET], ids=["vit", "resnet"])
@pytest.mark.parametrize("objective", [RESPIX, REVDET], ids=["respix", "revdet"])
@pytest.mark.parametrize("mode, hidden", [("softmax", 10), ("uniform", 10), ("softmax", 24), ("softmax", 0)])
def test_data_parallel_training_needs_no_search_for_unused_parameters(
    backbone: dict, objective: dict, mode: str, hidden: int, one_process: None
) -> None:
    masker = dict(type="mmmim.RandomMasker", num_masked=hidden)
    model = build(backbone, objective, masker=masker)
    model.generator.sample_mode = mode
    parallel = torch.nn.parallel.DistributedDataParallel(model, find_unused_parameters=False)
    for _ in range(2):  # the second pass would complain of what the first left unreduced
        losses = parallel(pictures(), mode="loss")
        sum(value for name, value in losses.items() if name.startswith("loss")).backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_copies_and_checkpoints_keep_the_sharing() -> None:
    model, images = build(), pictures()
    twin = copy.deepcopy(model)
    fresh = build()
    fresh.load_state_dict(model.state_dict(), strict=True)
    expected = None
    for one in (model, twin, fresh):
        torch.manual_seed(7)
        one.set_step(0, 0)
        losses = one.loss(images)
        expected = losses if expected is None else expected
        for name, value in losses.items():
            assert torch.equal(value, expected[name]), name
    with torch.no_grad():
        twin.backbone.blocks[0].mlp.fc1.weight.zero_()
    torch.manual_seed(7)
    twin.set_step(0, 0)
    assert twin.loss(images)["loss_generator"] != expected["loss_generator"]


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
