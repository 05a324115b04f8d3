"""Beyond Masking as configs of the generic model: training, replay, targets."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from degraded_models import RANDOM, TASKS, build, textured, total
from torch import Tensor

from mmmim.models.algorithms import CCMIM
from mmmim.models.target_generators import PixelTarget


def crops(task: str, batch: int = 2) -> Tensor:
    return textured(batch, 96 if task == "integrated" else 64)


@pytest.mark.parametrize("task", TASKS)
def test_every_parameter_is_trained(task: str) -> None:
    """As data parallel training without find_unused_parameters demands."""
    model = build(task)
    total(model.loss(crops(task))).backward()
    unused = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not unused
    owns_mask_token = any(name.endswith("mask_token") for name, _ in model.named_parameters())
    assert owns_mask_token == (task in ("masked", "integrated"))


@pytest.mark.parametrize("task", TASKS)
def test_data_parallel_training_needs_no_search_for_unused_parameters(task: str, one_process: None) -> None:
    model = torch.nn.parallel.DistributedDataParallel(build(task), find_unused_parameters=False)
    for _ in range(2):  # the second pass would complain of what the first left unreduced
        total(model(crops(task), mode="loss")).backward()


@pytest.mark.parametrize("task", TASKS)
def test_steps_and_pictures_can_be_replayed(task: str) -> None:
    model, images = build(task).eval(), crops(task, 3)
    losses = []
    for iteration in (7, 7, 8):
        model.set_step(1, iteration)
        losses.append(total(model.loss(images)).item())
    assert losses[0] == losses[1]
    assert (losses[1] == losses[2]) == (task in ("zoomed-in", "decolorized"))
    model.set_step(1, 7)
    first = model.predict(images)
    again = model.predict(images, None if model.masker is None else model.draw_mask(first["corrupted"]))
    assert torch.equal(model.degrade(images, first["degrade_params"]), first["corrupted"])
    assert first["corrupted"].shape == first["output"].shape == first["target"].shape == again["output"].shape
    replayed = model.predict(images, degrade_params=first["degrade_params"])
    assert torch.equal(replayed["corrupted"], first["corrupted"])


@pytest.mark.parametrize("task", ["zoomed-in", "zoomed-out", "distorted", "blurred", "decolorized"])
def test_the_clean_image_is_the_target(task: str) -> None:
    model, images = build(task), crops(task)
    model.set_step(0, 0)
    loss = model.loss(images)["loss_reconstruction"]
    model.set_step(0, 0)
    params = model.draw_degradation(images)
    prediction = model.neck(model.backbone(model.degradation(images, **params))[-1])
    expected = F.mse_loss(
        prediction, PixelTarget(8, norm_pix="patch_channel", **model.data_preprocessor.statistics)(images)
    )
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-5)


def test_degradations_combine_with_each_other_and_any_masker() -> None:
    steps = [dict(type="mmmim.SaturationScale", scale=0.0), dict(type="mmmim.ZoomIn", size=48)]
    masker = dict(type="mmmim.BlockMasker", mask_ratio=0.5)
    model, images = build("masked", degradation=steps, masker=masker), textured(2, 64)
    model.set_step(0, 0)
    prediction = model.predict(images)
    gray = model.degradation.steps[0](images)
    assert torch.equal(prediction["corrupted"], F.interpolate(gray[:, :, 8:56, 8:56], 64, mode="bicubic"))
    assert prediction["mask"].sum().item() == 2 * 32
    assert torch.equal(prediction["images"], images)


def test_ccmim_takes_degradations() -> None:
    vit = dict(type="mmmim.ViT", arch=dict(embed_dims=48, depth=2, num_heads=4), img_size=64, patch_size=8)
    model = CCMIM(
        backbone=vit,
        masker=RANDOM,
        degradation=dict(type="mmmim.Fisheye"),
        neck=dict(type="mmmim.MAEDecoder", dims=32, depth=1, num_heads=4),
        target_generator=dict(type="mmmim.PixelTarget"),
        data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
    )
    assert total(model.loss(textured(2, 64))).isfinite()


def test_mae_at_ratio_zero_is_an_auto_encoder() -> None:
    model, images = build("masked", masker=dict(RANDOM, mask_ratio=0.0)), crops("masked")
    latent = model.backbone(images, model.draw_mask(images))[-1]
    expected = model.backbone(images)[-1]
    model.set_step(0, 0)
    mask = model.draw_mask(images)
    torch.testing.assert_close(model.backbone(images, mask)[-1][:, 1:], _shuffled(expected, mask), rtol=0, atol=1e-5)
    assert latent.shape == expected.shape
    loss = total(model.loss(images))
    loss.backward()
    assert loss.item() > 0.5
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def _shuffled(tokens: Tensor, mask: Any) -> Tensor:
    return torch.gather(tokens[:, 1:], 1, mask.visible[..., None].expand(-1, -1, tokens.shape[-1]))


def test_everything_hidden_is_refused() -> None:
    with pytest.raises(ValueError, match="hides 64 of 64 patches"):
        build("masked", masker=dict(RANDOM, mask_ratio=1.0))


@pytest.mark.parametrize("task", TASKS)
def test_bfloat16_gives_the_loss_of_float32(task: str) -> None:
    model, images = build(task), crops(task, 4)
    model.set_step(0, 0)
    expected = total(model.loss(images))
    model.set_step(0, 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = total(model.loss(images))
    torch.testing.assert_close(found.float(), expected, rtol=0.01, atol=0)


THRESHOLDS = {
    "zoomed-in": 0.5,
    "blurred": 0.5,
    "decolorized": 0.5,
    "masked": 0.96,
    "distorted": 0.96,
    "zoomed-out": 0.96,
}


@pytest.mark.slow
@pytest.mark.parametrize("task", THRESHOLDS)
def test_sixteen_images_are_learnt(task: str) -> None:
    model, images = build(task, dict(embed_dims=96, depth=4, num_heads=4), dims=64), textured(16, 64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for iteration in range(200):
        model.set_step(0, iteration)
        loss = total(model.loss(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 1.1
    assert sum(losses[-10:]) / 10 < THRESHOLDS[task]
