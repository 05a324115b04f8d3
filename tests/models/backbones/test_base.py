"""What all encoders say about themselves, and what an encoder of one's own has for nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mmmim.checkpoint.names import PRETRAIN_ONLY, matching
from mmmim.errors import UsageError
from mmmim.models.backbones import BEiTViT, Encoder, ResNet, Swin, SwinV2, ViT
from mmmim.plan.sharding import recomputed_blocks

VIT = dict(arch=dict(embed_dims=32, depth=3, num_heads=2), img_size=(32, 48), patch_size=8)
SWIN = dict(arch=dict(embed_dims=8, depths=(1, 2), num_heads=(1, 2)), img_size=32, patch_size=2, window_size=4)
RESNET = dict(depth=dict(block="basic", depths=(1, 2, 1, 1), channels=8), img_size=(32, 64))
ENCODERS: list[tuple[type[Encoder], dict[str, Any]]] = [
    (ViT, dict(VIT, mask_mode="replace", final_norm=False)),
    (BEiTViT, VIT),
    (Swin, dict(SWIN, out_indices=[0, 1])),
    (SwinV2, dict(SWIN, pretrained_window_sizes=(0, 0), extra_norm_every_n_blocks=2)),
    (ResNet, dict(RESNET, output_stride=16)),
]
each_encoder = pytest.mark.parametrize(("kind", "settings"), ENCODERS, ids=[kind.__name__ for kind, _ in ENCODERS])


@each_encoder
def test_it_is_rebuilt_from_what_a_checkpoint_has(kind: type[Encoder], settings: dict[str, Any]) -> None:
    model: Any = kind(**settings).eval()
    state, left_out = model.state_dict(), (*PRETRAIN_ONLY, *kind.task_norms)
    state = {name: value for name, value in state.items() if name not in matching(state, left_out)}
    again: Any = kind(**kind.settings_from(model.describe(), state)).eval()
    again.load_state_dict(state, strict=True)
    images = torch.randn(1, 3, *model.img_size)
    assert torch.equal(model(images)[-1], again(images)[-1])
    assert again.describe() == {**model.describe(), "arch": again.arch}


@each_encoder
def test_freezing_in_stages_ends_with_everything(kind: type[Encoder], settings: dict[str, Any]) -> None:
    for frozen_stages in range(-1, kind(**settings).freezable_stages + 1):
        model: Any = kind(**settings, frozen_stages=frozen_stages).train()
        frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
        assert bool(frozen) == (frozen_stages >= 0 or kind is ViT)  # whose position table is fixed
        assert ("mask_token" in frozen) == (frozen_stages >= 0)
    assert frozen == {name for name, _ in model.named_parameters()}
    assert not any(module.training for children in model.freezable() for module in children)
    assert not model(torch.randn(1, 3, *model.img_size, requires_grad=True))[0].requires_grad


@each_encoder
def test_layer_ids_rise_from_the_stem_to_the_end(kind: type[Encoder], settings: dict[str, Any]) -> None:
    model = kind(**settings)
    number = len(model.block_list()) + 2
    for index, block in enumerate(model.block_list()):
        own = {id(parameter) for parameter in block.parameters()}
        names = [name for name, parameter in model.named_parameters() if id(parameter) in own]
        assert {model.get_layer_depth(f"a.{name}", "a.") for name in names} == {(index + 1, number)}
    assert model.get_layer_depth("mask_token") == (0, number)
    assert model.get_layer_depth("unknown") == (number - 1, number)


@each_encoder
def test_recomputed_blocks_are_counted(kind: type[Encoder], settings: dict[str, Any]) -> None:
    model = nn.ModuleDict(dict(backbone=kind(**settings, with_cp=True)))
    assert recomputed_blocks(model) == {"backbone": {ViT: 3, BEiTViT: 3, ResNet: 5}.get(kind, 3)}


def test_a_size_that_does_not_fit_is_answered_by_one_that_does() -> None:
    with pytest.raises(UsageError, match=r"img_size 30x30 does not divide .* the nearest size that does is 32x32"):
        Swin(**{**SWIN, "img_size": 30})
