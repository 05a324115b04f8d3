"""SimMIM as a config of the generic model: its loss against the paper's formula, its options, its limits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.models.algorithms import MaskedImageModel

TINY = dict(embed_dims=8, depths=(2, 2, 2), num_heads=(1, 2, 4))  # stride 16 from 4-pixel tokens


def simmim(**changes: Any) -> MaskedImageModel:
    settings: dict[str, Any] = dict(
        backbone=dict(type="mmmim.Swin", arch=TINY, img_size=(64, 96), patch_size=4, window_size=2),
        masker=dict(type="mmmim.RandomMasker", mask_ratio=0.6, cell_size=16),
        neck=dict(type="mmmim.LinearDecoder"),
        target_generator=dict(type="mmmim.PixelTarget", norm_pix="none"),
        head=dict(type="mmmim.ReconstructionHead", loss="l1"),
        data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
    )
    for part, values in changes.items():
        replace = "type" in values
        settings[part] = values if replace else {**settings[part], **values}
    torch.manual_seed(0)
    return MaskedImageModel(**settings)


ERRORS = dict(l1=F.l1_loss, l2=F.mse_loss, smooth_l1=F.smooth_l1_loss)


def loop_over_masked_pixels(model: MaskedImageModel, images: Tensor, mask: Tensor, kind: str, factor: int) -> Tensor:
    """The paper's loss, pixel by pixel: a target pixel counts where all image pixels behind it are hidden."""
    prediction = model.predict_with(images, mask)
    target = F.avg_pool2d(images, factor)
    side = images.shape[-1] // mask.mask.shape[-1]
    pixels = mask.mask.repeat_interleave(side, 1).repeat_interleave(side, 2)
    hidden = F.avg_pool2d(pixels.double()[:, None], factor)[:, 0] == 1  # (B,R,R)
    total, count = images.new_zeros(()), 0
    for b, y, x in hidden.nonzero().tolist():
        count += 1
        total = total + ERRORS[kind](prediction[b, :, y, x], target[b, :, y, x], reduction="sum")
    return total / max(count, 1) / 3


class Watched(MaskedImageModel):
    """Gives the prediction as an image at the target's resolution."""

    def predict_with(self, images: Tensor, mask: Any) -> Tensor:
        values = self.neck(self.backbone(images, mask)[-1], mask)  # (B,N,T)
        return self.target_generator.to_image(values, images)[..., :: self.factor, :: self.factor]


def watched(factor: int, **changes: Any) -> Watched:
    model = simmim(target_generator=dict(downsample=factor), **changes).double()
    model.__class__ = Watched
    model.factor = factor
    return model  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize(("cell", "factor"), [(16, 1), (16, 4), (32, 16), (8, 1), (8, 2), (4, 1), (8, 16)])
def test_loss_equals_a_loop_over_masked_pixels(kind: str, cell: int, factor: int) -> None:
    model = watched(factor, masker=dict(cell_size=cell), head=dict(loss=kind))
    images = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    mask = model.draw_mask(images)
    loss = model.reconstruction_loss(images, model.backbone(images, mask)[-1], mask)["loss_reconstruction"]
    expected = loop_over_masked_pixels(model, images, mask, kind, factor)
    assert abs(loss.item() - expected.item()) < 1e-12


def test_full_scope_scores_every_pixel() -> None:
    model = watched(1, head=dict(scope="all"))
    images = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    mask = model.draw_mask(images)
    loss = model.reconstruction_loss(images, model.backbone(images, mask)[-1], mask)["loss_reconstruction"]
    assert abs(loss.item() - (model.predict_with(images, mask) - images).abs().mean().item()) < 1e-12


@pytest.mark.parametrize("depth", [1, 2])
def test_predicting_hidden_cells_only_changes_neither_loss_nor_gradients(depth: int) -> None:
    """The whole map is predicted and masked afterwards, as the official code does."""
    images = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    gradients = []
    for lean in (True, False):
        model = simmim(neck=dict(depth=depth)).double()
        model.set_step(0, 0)
        mask = model.draw_mask(images)
        latent = model.backbone(images, mask)[-1]
        if lean:
            loss = model.reconstruction_loss(images, latent, mask)["loss_reconstruction"]
        else:
            values, target = model.neck(latent, mask), model.target_generator(images)
            weight = model.target_generator.weights(mask, images)
            loss = model.head.loss(values, target, weight)["loss_reconstruction"]
        loss.backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()} | {"loss": loss.detach()})
    assert all(gradients[0][name] is not None for name in gradients[0])
    assert all(torch.allclose(gradients[0][n], gradients[1][n], atol=1e-13, rtol=1e-10) for n in gradients[0])


def test_gradient_at_the_prediction_is_the_sign_over_the_count() -> None:
    model = simmim().double()
    images = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    mask = model.draw_mask(images)
    values = model.neck(model.backbone(images, mask)[-1], mask).detach().requires_grad_()
    target = model.target_generator(images)
    weight = model.target_generator.weights(mask, images)
    model.head.loss(values, target, weight)["loss_reconstruction"].backward()
    expected = (values.detach() - target).sign() / weight.sum() * weight
    assert torch.allclose(values.grad, expected, atol=1e-18, rtol=1e-12)
    assert weight.sum() == mask.num_hidden * 16 * 2 * 3


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_empty_and_full_masks(ratio: float) -> None:
    model = simmim(masker=dict(mask_ratio=ratio))
    loss = model.loss(torch.randn(2, 3, 64, 96))["loss_reconstruction"]
    loss.backward()
    total = sum(p.grad.abs().sum().item() for p in model.parameters() if p.grad is not None)
    assert loss.isfinite() and (loss == 0) == (ratio == 0) and (total == 0) == (ratio == 0)


def test_pixels_inside_hidden_cells_change_nothing() -> None:
    model = simmim()
    images = torch.randn(2, 3, 64, 96)
    mask = model.draw_mask(images)
    pixels = mask.mask.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None]
    altered = torch.where(pixels, torch.randn_like(images) * 9, images)
    assert model.neck(model.backbone(images, mask)[-1]).equal(model.neck(model.backbone(altered, mask)[-1]))


@pytest.mark.parametrize(
    ("target", "head"),
    [
        (dict(type="mmmim.ColorBinTarget", bins=4, downsample=4), "mmmim.CrossEntropyHead"),
        (dict(type="mmmim.PixelTarget", norm_pix="window", window=9), "mmmim.ReconstructionHead"),
    ],
)
@pytest.mark.parametrize("masker", ["RandomMasker", "BlockMasker", "SquareMasker"])
@pytest.mark.parametrize("neck", ["LinearDecoder", "InverseSwinDecoder"])
def test_parts_combine(target: dict, head: str, masker: str, neck: str) -> None:
    if neck == "InverseSwinDecoder" and target.get("downsample"):
        target = dict(target, downsample=1)
    inverse = dict(dims=8, depths=(1, 1, 1), num_heads=(4, 2, 1), window_size=4)
    model = simmim(
        target_generator=target,
        head=dict(type=head),
        masker=dict(type=f"mmmim.{masker}", cell_size=8, **({} if masker == "SquareMasker" else dict(mask_ratio=0.6))),
        neck=dict(type=f"mmmim.{neck}", **(inverse if neck == "InverseSwinDecoder" else {})),
    )
    losses = model.loss(torch.randn(2, 3, 64, 96))
    sum(value for name, value in losses.items() if name.startswith("loss")).backward()
    picture = model.predict(torch.randn(1, 3, 64, 96))
    assert picture["output"].shape == picture["target"].shape == (1, 3, 64, 96) and picture["output"].isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(masker=dict(cell_size=10)), "cell_size=10 is not a multiple of the backbone's patch_size"),
        (dict(masker=dict(cell_size=24)), "does not divide the grid of 16x24 patches"),
        (dict(masker=dict(type="mmmim.SquareMasker", side=5, cell_size=16)), "larger than the grid of 4x6 cells"),
        (dict(backbone=dict(img_size=(60, 96))), "60x96"),
        (dict(neck=dict(type="mmmim.MAEDecoder", dims=8, depth=1, num_heads=1)), "use mask_mode='drop'"),
        (dict(head=dict(type="mmmim.CrossEntropyHead")), "whose values are numbers; use a ReconstructionHead"),
        (dict(target_generator=dict(type="mmmim.ColorBinTarget")), "whose values are classes; use a CrossEntropyHead"),
        (dict(neck=dict(depth=3)), "depth=3 must be 1"),
        (dict(neck=dict(type="mmmim.InverseSwinDecoder"), target_generator=dict(downsample=4)), "use downsample=1"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simmim(**changes)


def test_a_head_that_is_too_large_is_refused_with_its_size() -> None:
    with (
        pytest.raises(ValueError, match=r"806,092,800 parameters .*max_params=400,000,000.*downsample"),
        torch.device("meta"),
    ):
        MaskedImageModel(
            backbone=dict(type="mmmim.Swin", arch="base", img_size=192, window_size=6),
            masker=dict(type="mmmim.RandomMasker", mask_ratio=0.6, cell_size=32),
            neck=dict(type="mmmim.LinearDecoder"),
            target_generator=dict(type="mmmim.ColorBinTarget", bins=256),
            head=dict(type="mmmim.CrossEntropyHead"),
        )
