"""MAE against numbers of the official model (facebookresearch/mae, run once in float64 on the weights of ``rule``).

Image 32, patch 8, encoder 48 wide / 2 deep / 4 heads, decoder 32 / 1 / 4, ratio 0.75.
"""

import pytest
import torch
from torch import Tensor

from mmmim.models.layers import PatchMask, sincos_pos_embed
from mmmim.registry import MODELS


def rule(count: int, seed: int) -> Tensor:
    return ((7919 * torch.arange(count) + 104729 * seed) % 1009).double() / 1009 - 0.5


@pytest.fixture
def model():
    config = dict(
        type="mmmim.MaskedImageModel",
        backbone=dict(type="mmmim.ViT", arch=dict(embed_dims=48, depth=2, num_heads=4), img_size=32, patch_size=8),
        masker=dict(type="mmmim.RandomMasker", mask_ratio=0.75),
        neck=dict(type="mmmim.MAEDecoder", dims=32, depth=1, num_heads=4),
        target_generator=dict(type="mmmim.PixelTarget", norm_pix="none"),
    )
    model = MODELS.build(config).double()
    for full_name, parameter in model.named_parameters():
        name = full_name.removeprefix("backbone.").removeprefix("neck.")
        if name.endswith("pos_embed"):
            parameter.data = sincos_pos_embed((4, 4), parameter.shape[-1], dtype=torch.float64)
            continue
        values = rule(parameter.numel(), sum(map(ord, name)) % 97).view_as(parameter)
        is_norm_weight = "norm" in name and name.endswith("weight")
        parameter.data.copy_(1 + 0.2 * values if is_norm_weight else 0.4 * values)
    return model


@pytest.fixture
def images() -> Tensor:
    return (rule(2 * 3 * 32 * 32, 5) + 0.5).view(2, 3, 32, 32)


@pytest.fixture
def mask() -> PatchMask:
    noise = ((torch.arange(32) * 613) % 251).view(2, 16) / 251
    return PatchMask.from_keys(noise, 12, (4, 4))


def test_mask_keeps_the_official_patches(mask: PatchMask) -> None:
    assert [set(row.tolist()) for row in mask.visible] == [{0, 5, 7, 14}, {0, 7, 9, 14}]


def test_prediction(model, images: Tensor, mask: PatchMask) -> None:
    prediction = model.neck(model.backbone(images, mask)[-1], mask)  # (2,16,192)
    assert prediction.mean().item() == pytest.approx(-0.0114804625, abs=1e-9)
    assert prediction.std().item() == pytest.approx(0.5313588709, abs=1e-9)
    assert prediction[1, 5, 7].item() == pytest.approx(0.0226056774, abs=1e-9)


@pytest.mark.parametrize(("norm_pix", "expected"), [("none", 0.598447155604), ("patch", 1.229941092945)])
def test_loss(model, images: Tensor, mask: PatchMask, norm_pix: str, expected: float) -> None:
    model.target_generator.norm_pix = norm_pix
    losses = model.reconstruction_loss(images, model.backbone(images, mask)[-1], mask)
    assert losses["loss_reconstruction"].item() == pytest.approx(expected, abs=1e-11)


def test_gradient_norms(model, images: Tensor, mask: PatchMask) -> None:
    losses = model.reconstruction_loss(images, model.backbone(images, mask)[-1], mask)
    losses["loss_reconstruction"].backward()
    expected = {
        "backbone.cls_token": 6.6321765280e-2,
        "backbone.blocks.0.attn.qkv.weight": 2.5744263451e-1,
        "neck.mask_token": 2.6654823079e-1,
        "backbone.patch_embed.proj.weight": 4.1180510690e-1,
    }
    parameters = dict(model.named_parameters())
    for name, norm in expected.items():
        assert parameters[name].grad.norm().item() == pytest.approx(norm, rel=1e-9), name
