from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.interop.convert.layout import Choices
from mmmim.interop.convert.plain_vit import arch_of, build_mae, build_vit, grid_of_positions
from mmmim.models.backbones import ViT
from mmmim.models.layers import FIXED_POSITIONS

SMALL = dict(arch=dict(embed_dims=24, depth=2, num_heads=2, mlp_ratio=3), img_size=32, patch_size=8)


def state_of(**options: object) -> dict[str, Tensor]:
    return {f"backbone.{name}": value for name, value in ViT(**{**SMALL, **options}).state_dict().items()}


@pytest.mark.parametrize("pos_embed", ["learned", *FIXED_POSITIONS])
@pytest.mark.parametrize("with_cls_token", [True, False])
def test_shapes_and_table_tell_the_encoder(pos_embed: str, with_cls_token: bool) -> None:
    options = dict(pos_embed=pos_embed, with_cls_token=with_cls_token, in_channels=5)
    state = state_of(**options)
    if pos_embed == "learned":
        state["backbone.pos_embed"] = torch.randn_like(state["backbone.pos_embed"])
    built = build_vit(state, Choices(num_heads=2)).describe()
    expected = ViT(**{**SMALL, **options}).describe()
    assert built == expected


def test_a_table_in_half_precision_is_still_the_fixed_one() -> None:
    state = state_of(pos_embed="sincos" if "sincos" in FIXED_POSITIONS else next(iter(FIXED_POSITIONS)))
    kind = build_vit(state, Choices(num_heads=2)).describe()
    state["backbone.pos_embed"] = state["backbone.pos_embed"].half()
    assert build_vit(state, Choices(num_heads=2)).describe() == kind


def test_an_encoder_without_decoder_is_built_alone_and_without_storage() -> None:
    parts = build_mae(state_of(), Choices(num_heads=2))
    assert parts.keys() == {"backbone"} and next(parts["backbone"].parameters()).is_meta


def test_published_widths_tell_the_heads() -> None:
    assert arch_of(768, 12, 4, None) == "vit-b" or arch_of(768, 12, 4, None) == "base"
    assert arch_of(768, 6, 4, None) == dict(embed_dims=768, depth=6, num_heads=12)
    assert arch_of(24, 2, 3, 2) == dict(embed_dims=24, depth=2, num_heads=2, mlp_ratio=3)
    with pytest.raises(UsageError, match=r"24 is no published width \(.*12 for 768.*\): give --num-heads N"):
        arch_of(24, 2, 4, None)


def test_rows_of_a_position_table_tell_the_grid() -> None:
    assert grid_of_positions(197, True, [16, 16], None) == (14, 14)
    assert grid_of_positions(13, True, [8, 16], (24, 64)) == (3, 4)


@pytest.mark.parametrize(
    ("rows", "with_cls_token", "img_size", "told"),
    [
        (197, False, None, r"tensor cls_token is missing, for which pos_embed has one of its 197 rows"),
        (13, True, None, r"pos_embed has 12 patches, which is no square grid: give --img-size H W"),
        (13, True, (32, 32), r"--img-size 32 32: gives 4x4 patches of 8x8 pixels, pos_embed has 12"),
        (13, True, (25, 32), r"--img-size 25 32: gives 3x4 patches"),
    ],
)
def test_tables_that_fit_no_grid(rows: int, with_cls_token: bool, img_size: tuple[int, int] | None, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        grid_of_positions(rows, with_cls_token, [8, 8], img_size)
