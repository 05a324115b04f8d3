"""Masks of the BEiT-style ViT hide pixels and nothing else."""

import pytest
import torch
from small_beit_vit import beit_vit, half, lively
from torch import Tensor

from mmmim.models.layers import PatchMask


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 5, 32, 64, dtype=torch.float64)  # 4x8 patches


@pytest.mark.parametrize("pos_embed", ["none", "learned", "sincos"])
def test_pixels_of_hidden_patches_change_nothing(images: Tensor, pos_embed: str) -> None:
    model, mask = lively(beit_vit(pos_embed=pos_embed)), half()
    pixels = mask.mask.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None]  # (B,1,H,W)
    out = model(images, mask)[0]
    assert out.shape == (2, 33, 48)
    for changed in (99.0, torch.nan):
        assert model(torch.where(pixels, changed, images), mask)[0].equal(out)
    assert not model(torch.where(pixels, images, 99.0), mask)[0].equal(out)
    assert not model(images)[0].equal(out)


def test_mask_tokens_come_before_positions_and_class_token(images: Tensor) -> None:
    model, mask = lively(beit_vit(pos_embed="learned")), half()
    hidden = mask.mask.flatten(1)
    tokens = model.embed(images, mask) - model.pos_embed
    assert (tokens[:, 0] - model.cls_token[0]).abs().max() < 1e-15
    assert (tokens[:, 1:][hidden] - model.mask_token[0]).abs().max() < 1e-15
    full = model.embed(images) - model.pos_embed
    torch.testing.assert_close(tokens[:, 1:][~hidden], full[:, 1:][~hidden])


def test_without_a_mask_the_mask_token_is_unused(images: Tensor) -> None:
    model = lively(beit_vit())
    before = model(images)[0]
    model.mask_token.data.fill_(99.0)
    assert model(images)[0].equal(before)


def test_hidden_tokens_start_alike_with_relative_positions_only() -> None:
    model, mask = beit_vit().double(), half(batch=1)  # zero tables: attention does not see positions
    latent = model(torch.randn(1, 5, 32, 64).double(), mask)[0][:, 1:][mask.mask.flatten(1)]
    assert (latent - latent[0]).abs().max() < 1e-13
    (latent[0] ** 3).sum().backward()  # the sum of what a LayerNorm gives is 0 whatever the tables hold
    assert model.rel_pos_bias.relative_position_bias_table.grad.abs().max() > 1e-6


def test_a_transposed_mask_is_another_mask() -> None:
    model, images = lively(beit_vit(img_size=32)), torch.randn(1, 5, 32, 32).double()
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[0, 0] = True  # the first row of patches
    changed = images.clone()
    changed[..., :8, :] = 5.0
    out = [model(x, PatchMask.from_bool(mask))[0] for x in (images, changed)]
    assert out[0].equal(out[1])


def test_every_parameter_gets_a_gradient(images: Tensor) -> None:
    for options in ({}, dict(rel_pos="block", pos_embed="learned")):
        model = lively(beit_vit(**options)).train()
        (model(images, half())[0][:, 1:] ** 3).sum().backward()
        assert [n for n, p in model.named_parameters() if p.grad is None or p.grad.abs().max() == 0] == []
