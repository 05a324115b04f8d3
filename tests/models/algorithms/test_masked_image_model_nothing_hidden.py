"""``mask_ratio=0``: every patch is encoded and decoded, and the mask token gets a gradient of zeros."""

import pytest
import torch
from torch import Tensor

from mmmim.models.backbones import ViT
from mmmim.models.layers import PatchMask, take
from mmmim.models.maskers import RandomMasker
from mmmim.models.necks import MAEDecoder

GRID = (4, 6)


@pytest.fixture
def images() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 3, 32, 48)


def vit(**options) -> ViT:
    return ViT(arch=dict(embed_dims=16, depth=2, num_heads=2), img_size=(32, 48), patch_size=8, **options).double()


def empty_masks() -> list[PatchMask]:
    cells = RandomMasker(0, cell_size=16, patch_size=8)
    return [RandomMasker(0)(GRID, 3), cells(GRID, 3), PatchMask.from_bool(torch.zeros(3, *GRID, dtype=torch.bool))]


def decoder(**options) -> MAEDecoder:
    torch.manual_seed(1)
    return MAEDecoder(16, 12, GRID, dims=16, depth=2, num_heads=2, **options).double()


def test_the_empty_mask() -> None:
    for mask in empty_masks():
        assert mask.grid == GRID and (mask.num_hidden, mask.num_visible) == (0, 24)
        assert mask.hidden.shape == (3, 0) and not mask.mask.any()
        assert mask.visible.sort(1).values.equal(torch.arange(24).expand(3, -1))
        assert mask.refine((2, 1)).num_hidden == 0 and not mask.refine((2, 1)).mask.any()
    coarse = empty_masks()[1].coarsen((2, 2))
    assert coarse is not None and coarse.grid == (2, 3) and coarse.num_hidden == 0


@pytest.mark.parametrize("with_cls_token", [True, False])
@pytest.mark.parametrize("mask_mode", ["drop", "replace"])
def test_encoder_gives_the_features_of_the_plain_vit(images: Tensor, mask_mode: str, with_cls_token: bool) -> None:
    model, prefix = vit(mask_mode=mask_mode, with_cls_token=with_cls_token), int(with_cls_token)
    plain = model(images.double())[-1]
    for mask in empty_masks():
        latent = model(images.double(), mask)[-1]
        if mask_mode == "drop":  # visible patches come in the order of the mask
            latent = torch.cat([latent[:, :prefix], take(latent[:, prefix:], mask.ids_restore)], 1)
        torch.testing.assert_close(latent, plain, atol=1e-12, rtol=0)


@pytest.mark.parametrize("num_prefix", [1, 0])
def test_decoder_predicts_what_it_does_without_mask_tokens(images: Tensor, num_prefix: int) -> None:
    with_token, without = (decoder(num_prefix=num_prefix, use_mask_token=use) for use in (True, False))
    without.load_state_dict({name: value for name, value in with_token.state_dict().items() if name != "mask_token"})
    ordered = torch.randn(3, num_prefix + 24, 16, dtype=torch.float64)
    expected = without(ordered)  # (B,N,T)
    for mask in empty_masks():
        latent = torch.cat([ordered[:, :num_prefix], take(ordered[:, num_prefix:], mask.visible)], 1)
        for model in (with_token, without):
            torch.testing.assert_close(model(latent, mask), expected, atol=1e-12, rtol=0)
            assert model(latent, mask, mask.hidden).shape == (3, 0, 12)


def test_data_parallel_training_finds_a_gradient_of_zeros(images: Tensor) -> None:
    encoder, model, mask = vit(), decoder(), RandomMasker(0)(GRID, 3)
    model(encoder(images.double(), mask)[-1], mask).square().mean().backward()
    assert model.mask_token is not None and model.mask_token.grad is not None
    assert not model.mask_token.grad.any()
    for name, parameter in (*encoder.named_parameters(), *model.named_parameters()):
        assert not parameter.requires_grad or parameter.grad is not None, name


def test_a_decoder_without_mask_token_still_refuses_hidden_patches() -> None:
    with pytest.raises(ValueError, match="set use_mask_token=True"):
        decoder(use_mask_token=False)(torch.zeros(1, 7, 16, dtype=torch.float64), RandomMasker(0.75)(GRID, 1))
