import math

import pytest
import torch
from torch import Tensor, nn

from mmmim.models.backbones import ViT
from mmmim.models.layers import sincos_pos_embed_1d
from mmmim.models.necks import MAEDecoder
from mmmim.registry import MODELS

SMALL = dict(embed_dims=16, depth=2, num_heads=2)


def vit(**options) -> ViT:
    return ViT(**(dict(arch=SMALL, img_size=(32, 64), patch_size=8, pos_embed="sincos1d") | options)).eval()


def mae(**options) -> nn.Module:
    return MODELS.build(
        dict(
            type="mmmim.MaskedImageModel",
            backbone=dict(type="mmmim.ViT", arch=SMALL, img_size=112, patch_size=8, **options.pop("backbone", {})),
            masker=dict(type="mmmim.RandomMasker", mask_ratio=0.75),
            neck=dict(type="mmmim.MAEDecoder", dims=16, depth=2, num_heads=2, **options.pop("neck", {})),
            target_generator=dict(type="mmmim.PixelTarget"),
            **options,
        )
    )


def test_one_dimensional_positions_are_the_sinusoid_of_the_raster_index() -> None:
    table = sincos_pos_embed_1d((3, 5), 8, num_prefix=1, dtype=torch.float64)
    assert table.shape == (1, 16, 8) and table[0, 0].abs().max() == 0
    for p in range(15):
        for i in range(4):
            angle = p / 10000 ** (2 * i / 8)
            assert table[0, 1 + p, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-12)
            assert table[0, 1 + p, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-12)
    assert sincos_pos_embed_1d((3, 5), 6, num_prefix=0).shape == (1, 15, 6)
    with pytest.raises(ValueError, match="dim=7"):
        sincos_pos_embed_1d((2, 2), 7)


@pytest.mark.parametrize("part", [lambda: vit().pos_embed, lambda: MAEDecoder(8, 4, (4, 8), pos_embed="sincos1d")])
def test_they_are_fixed_in_encoder_and_decoder(part) -> None:
    built = part()
    table = built if isinstance(built, nn.Parameter) else built.decoder_pos_embed
    assert not table.requires_grad
    assert table.equal(sincos_pos_embed_1d((4, 8), table.shape[-1]))


def test_they_train_on_request_and_bad_names_are_refused() -> None:
    assert vit(freeze_pos=False).pos_embed.requires_grad
    with pytest.raises(ValueError, match=r"pos_embed='sincos2d' is unknown; did you mean 'sincos"):
        vit(pos_embed="sincos2d")
    with pytest.raises(ValueError, match="pos_embed='learned'"):
        MAEDecoder(8, 4, (2, 2), pos_embed="learned")


@pytest.mark.parametrize("with_cls_token", [True, False])
def test_other_sizes_interpolate_the_map_on_load_as_at_run_time(with_cls_token: bool) -> None:
    source, target = (vit(with_cls_token=with_cls_token, img_size=size) for size in (32, (48, 64)))
    target.load_state_dict(source.state_dict(), strict=True)
    prefix = int(with_cls_token)
    old = source.pos_embed[:, prefix:].unflatten(1, (4, 4)).permute(0, 3, 1, 2)
    new = nn.functional.interpolate(old, (6, 8), mode="bicubic", align_corners=False)
    torch.testing.assert_close(target.pos_embed[:, prefix:], new.flatten(2).transpose(1, 2))
    images = torch.randn(2, 3, 48, 64)
    torch.testing.assert_close(source(images)[0], target(images)[0])


def test_a_table_of_the_checkpoint_counts_whatever_the_model_would_build() -> None:
    source, target = vit(), vit(pos_embed="sincos")
    target.load_state_dict(source.state_dict(), strict=True)
    assert target.pos_embed.equal(source.pos_embed) and source.describe()["pos_embed"] == "sincos1d"


@pytest.mark.parametrize("pos_embed", ["sincos", "sincos1d"])
@pytest.mark.parametrize("with_cls_token", [True, False])
def test_mae_runs_with_every_combination(with_cls_token: bool, pos_embed: str) -> None:
    torch.manual_seed(0)
    model = mae(backbone=dict(with_cls_token=with_cls_token, pos_embed=pos_embed), neck=dict(pos_embed=pos_embed))
    images, prefix = torch.randn(2, 3, 112, 112), int(with_cls_token)
    mask = model.draw_mask(images)
    latent = model.backbone(images, mask)[-1]
    assert latent.shape == (2, prefix + 49, 16)
    assert model.backbone(images)[-1].shape == (2, prefix + 196, 16)
    assert model.neck(latent, mask).shape == (2, 196, 192)
    model.loss(images)["loss_reconstruction"].backward()
    untrained = {name for name, p in model.named_parameters() if p.requires_grad and p.grad is None}
    assert not untrained
    with torch.no_grad():  # predictions at the hidden patches are those of the full run, whatever the prefix
        torch.testing.assert_close(
            model.neck(latent, mask, mask.hidden),
            model.neck(latent, mask).gather(1, mask.hidden[..., None].expand(-1, -1, 192)),
        )


def test_without_class_token_no_token_moves_along() -> None:
    """Encoder and decoder over visible patches only equal blocks run by hand on just these tokens."""
    torch.manual_seed(0)
    model = mae(backbone=dict(with_cls_token=False)).eval()
    images = torch.randn(1, 3, 112, 112)
    mask = model.draw_mask(images)

    def by_hand(tokens: Tensor, blocks: nn.ModuleList) -> Tensor:
        for block in blocks:
            tokens = block(tokens)
        return tokens

    encoder, decoder = model.backbone, model.neck
    tokens = (encoder.patch_embed(images) + encoder.pos_embed)[:, mask.visible[0]]
    latent = encoder.norm(by_hand(tokens, encoder.blocks))
    torch.testing.assert_close(encoder(images, mask)[-1], latent, atol=1e-5, rtol=1e-4)
    full = decoder.mask_token.repeat(1, 196, 1)
    full[:, mask.visible[0]] = decoder.decoder_embed(latent)
    full = by_hand(full + decoder.decoder_pos_embed, decoder.decoder_blocks)
    torch.testing.assert_close(
        decoder(latent, mask), decoder.decoder_pred(decoder.decoder_norm(full)), atol=1e-5, rtol=1e-4
    )
