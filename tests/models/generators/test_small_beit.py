"""The small BEiT inside the generators."""

from __future__ import annotations

import math

import pytest
import torch
from palette import PaletteTokenizer
from small_generator import build, draw, pictures

from mmmim.models.backbones import BEiTViT


@pytest.mark.parametrize(
    "dims, heads, depth, count",
    [
        (768, 12, 4, 29_096_448),
        (768, 12, 5, 36_184_320),
        (768, 12, 6, 43_272_192),
        (768, 12, 7, 50_360_064),
        (768, 12, 8, 57_447_936),
        (384, 6, 4, 7_470_336),
        (384, 6, 6, 11_019_264),
    ],
)
def test_parameters_of_the_small_beit(dims: int, heads: int, depth: int, count: int) -> None:
    with torch.device("meta"):
        palette = dict(type=PaletteTokenizer, num_codes=8192)
        generator = build(tokenizer=palette, embed_dims=dims, num_heads=heads, depth=depth, input_size=224)
        shared = build(tokenizer=palette, embed_dims=dims, num_heads=heads, depth=depth, input_size=224, share_layers=2)
    assert sum(p.numel() for p in generator.encoder.parameters()) == count
    assert sum(p.numel() for p in generator.head.parameters()) == (dims + 1) * 8192
    lent = sum(p.numel() for p in generator.encoder.parameters()) - sum(p.numel() for p in shared.encoder.parameters())
    if dims == 768:
        assert lent == 14_766_336


def test_shared_layers_are_the_lenders() -> None:
    lender = BEiTViT(
        dict(embed_dims=24, depth=4, num_heads=2), (64, 96), 16, rel_pos="none", pos_embed="learned", layer_scale=None,
        qkv_bias="qkv", mask_mode=None,
    )  # fmt: skip
    generator, whole = build(share_layers=2), build()
    whole.encoder.load_state_dict(
        {
            **{k: v for k, v in generator.encoder.state_dict().items() if not k.startswith("blocks.")},
            **{f"patch_embed.{k}": v for k, v in lender.patch_embed.state_dict().items()},
            **{f"blocks.{k}": v for k, v in lender.blocks[:2].state_dict().items()},
            **{f"blocks.2.{k}": v for k, v in generator.encoder.blocks[0].state_dict().items()},
        }
    )
    images = pictures()
    mask = draw(generator, images, 9)
    assert torch.equal(generator.encoder(images, mask, lender), whole.encoder(images, mask))
    with pytest.raises(ValueError, match="share_layers=2, but no encoder lends"):
        generator.encoder(images, mask)


def test_init_of_output_layers_follows_their_depth() -> None:
    """Truncated N(0, 0.02) at one deviation, output layers of block l smaller by sqrt(2 l)."""
    encoder = build(embed_dims=192, num_heads=3, depth=4, share_layers=2).encoder
    for index, block in zip((3, 4), encoder.blocks, strict=True):
        assert block.attn.proj.weight.std().item() == pytest.approx(0.0108 / math.sqrt(2 * index), rel=0.03)
    assert encoder.mask_token.abs().max() <= 0.02
