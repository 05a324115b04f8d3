"""Beyond Masking as configs of the generic model: targets, the integrated loss, training, replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.models.algorithms import CCMIM, MaskedImageModel
from mmmim.models.heads import IntegratedZoomHead
from mmmim.models.target_generators import IntegratedZoomTarget, PixelTarget

RANDOM = dict(type="mmmim.RandomMasker", mask_ratio=0.75)
TASKS: dict[str, dict[str, Any]] = {
    "masked": dict(masker=RANDOM),
    "zoomed-in": dict(degradation=dict(type="mmmim.ZoomIn", size=48)),
    "zoomed-out": dict(degradation=dict(type="mmmim.ZoomOut", size=48)),
    "distorted": dict(degradation=dict(type="mmmim.Fisheye")),
    "blurred": dict(degradation=dict(type="mmmim.RandomKernelBlur", kernel_size=5)),
    "decolorized": dict(degradation=dict(type="mmmim.SaturationScale", scale=0.3)),
    "integrated": dict(
        masker=RANDOM,
        degradation=dict(type="mmmim.CenterInput", target="crop"),
        target_generator=dict(type="mmmim.IntegratedZoomTarget", norm_pix="patch_channel"),
        head=dict(type="mmmim.IntegratedZoomHead"),
    ),
}


def build(task: str, arch: dict | None = None, dims: int = 32, **changes: Any) -> MaskedImageModel:
    torch.manual_seed(0)
    settings: dict[str, Any] = dict(
        backbone=dict(
            type="mmmim.ViT", arch=arch or dict(embed_dims=48, depth=2, num_heads=4), img_size=64, patch_size=8
        ),
        neck=dict(type="mmmim.MAEDecoder", dims=dims, depth=2, num_heads=4),
        target_generator=dict(type="mmmim.PixelTarget", norm_pix="patch_channel"),
        head=dict(type="mmmim.ReconstructionHead", scope="hidden" if "masker" in TASKS[task] else "all"),
        data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
    )
    return MaskedImageModel(**{**settings, **TASKS[task], **changes})


def textured(batch: int, size: int) -> Tensor:
    """Random images with amplitudes of 1/f^2, brightness varies more than colour; normalised as ImageNet's."""
    generator = torch.Generator().manual_seed(3)
    frequency = (torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size)[None] ** 2).sqrt().clamp_min(1 / size)

    def field(channels: int) -> Tensor:
        noise = torch.fft.rfft2(torch.randn(batch, channels, size, size, generator=generator))
        return torch.fft.irfft2(noise / frequency**2, s=(size, size))

    images = field(1) + 0.3 * field(3)
    images = images - images.amin((2, 3), keepdim=True)
    images = images / images.amax((2, 3), keepdim=True)
    return (images - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        3, 1, 1
    )


def crops(task: str, batch: int = 2) -> Tensor:
    return textured(batch, 96 if task == "integrated" else 64)


def total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack([value for name, value in losses.items() if "loss" in name]).sum()


# ---------------------------------------------------------------- the generic model


@pytest.mark.parametrize("task", TASKS)
def test_every_parameter_is_trained(task: str) -> None:
    """As data parallel training without find_unused_parameters demands."""
    model = build(task)
    total(model.loss(crops(task))).backward()
    unused = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not unused
    owns_mask_token = any(name.endswith("mask_token") for name, _ in model.named_parameters())
    assert owns_mask_token == (task in ("masked", "integrated"))


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


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


# ---------------------------------------------------------------- targets


@pytest.mark.parametrize("norm_pix, expected", [("patch_channel", 63 / 64), ("patch", 191 / 192)])
def test_normalised_patches(norm_pix: str, expected: float) -> None:
    target = PixelTarget(8, norm_pix=norm_pix, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    values = target(textured(2, 64).double())
    groups = values.unflatten(-1, (64, 3)).transpose(-1, -2) if norm_pix == "patch_channel" else values
    torch.testing.assert_close(groups.mean(-1), torch.zeros_like(groups.mean(-1)), rtol=0, atol=1e-9)
    assert groups.square().mean().item() == pytest.approx(expected, rel=1e-3)
    flat = target(torch.full((1, 3, 64, 64), 0.3) + torch.tensor([0.1, -1.2, 0.7]).view(3, 1, 1))
    assert flat.isfinite().all()
    assert flat.abs().max() <= (0.1 if norm_pix == "patch_channel" else 3)


def test_patches_come_back_as_pixels() -> None:
    images = textured(2, 64)
    target = PixelTarget(8, norm_pix="patch_channel", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    torch.testing.assert_close(target.to_image(target(images), images), images, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [224, 320])
def test_area_resizing_is_a_matrix(size: int) -> None:
    image = torch.rand(1, 1, 224, 224, dtype=torch.float64)
    matrix = F.interpolate(torch.eye(224, dtype=torch.float64)[None], size, mode="area")[0].T  # (size,224)
    torch.testing.assert_close(matrix.sum(1), torch.ones(size, dtype=torch.float64))
    assert size == 224 or set(matrix[matrix > 0].tolist()) == {1.0, 0.5}
    torch.testing.assert_close(F.interpolate(image, size, mode="area")[0, 0], matrix @ image[0, 0] @ matrix.T)


# ---------------------------------------------------------------- integrated task


def patches_with_gradient(raw: int, term: str) -> Tensor:
    """Which of the 14 x 14 predictions a term of the loss depends on, and which pixel rows."""
    target = IntegratedZoomTarget(norm_pix="patch_channel", input_size=224)(textured(1, raw))
    prediction = torch.randn(1, 196, 768, requires_grad=True)
    weights = dict(inner_weight=float(term == "inner"), band_weight=float(term == "outer"))
    total(IntegratedZoomHead(**weights).loss(prediction, target, torch.ones(1, 196, dtype=torch.bool))).backward()
    assert prediction.grad is not None
    return prediction.grad[0].view(14, 14, 16, 16, 3) != 0


@pytest.mark.parametrize("raw, first, rows", [(320, 2, (33, 190)), (288, 1, (24, 199))])
def test_inner_term_reaches_the_centre(raw: int, first: int, rows: tuple[int, int]) -> None:
    reached = patches_with_gradient(raw, "inner")
    tokens = reached.flatten(2).any(2)
    expected = torch.zeros(14, 14, dtype=torch.bool)
    expected[first : 14 - first, first : 14 - first] = True
    assert torch.equal(tokens, expected)
    pixels = reached.any(4).permute(0, 2, 1, 3).flatten(2).flatten(0, 1).any(1).nonzero().flatten()
    assert (pixels.min().item(), pixels.max().item()) == rows


@pytest.mark.parametrize("raw, expected, both", [(320, 132, 36), (288, 96, 44)])
def test_outer_term_reaches_the_ring(raw: int, expected: int, both: int) -> None:
    outer = patches_with_gradient(raw, "outer").flatten(2).any(2)
    inner = patches_with_gradient(raw, "inner").flatten(2).any(2)
    assert (outer.sum().item(), (outer & inner).sum().item()) == (expected, both)


def test_the_band_changes_neither_input_nor_inner_loss() -> None:
    model, images = build("integrated"), textured(2, 96)
    other = images.flip(3).clone()
    other[:, :, 16:80, 16:80] = images[:, :, 16:80, 16:80]
    found = []
    for batch in (images, other):
        model.set_step(0, 0)
        found.append(model.loss(batch))
    assert torch.equal(found[0]["inner"], found[1]["inner"])
    assert not torch.equal(found[0]["outer"], found[1]["outer"])
    assert torch.equal(model.degradation(images), model.degradation(other))


def test_integrated_targets_have_no_gradient_and_fit_non_square_crops() -> None:
    images = textured(2, 128)[:, :, :96].requires_grad_()
    target = IntegratedZoomTarget(8, norm_pix="patch_channel", input_size=(64, 96))(images)
    assert target.margin == (16, 16) and target.inner.shape == (2, 96, 192)
    assert not target.inner.requires_grad and not target.outer.requires_grad
    losses = IntegratedZoomHead(patch_size=8).loss(torch.randn(2, 96, 192), target)
    assert total(losses).isfinite()


@pytest.mark.parametrize("size", [64, 48, 81])
def test_crops_of_the_wrong_size(size: int) -> None:
    with pytest.raises(ValueError, match=r"no band around|larger than the input|even number"):
        build("integrated").loss(textured(2, size))


def test_integrated_options_are_checked() -> None:
    with pytest.raises(ValueError, match="band_reduction='sum'"):
        IntegratedZoomHead(band_reduction="sum")
    with pytest.raises(ValueError, match="band_norm='none'"):
        IntegratedZoomTarget(band_norm="none")
