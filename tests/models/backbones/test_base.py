"""What all encoders say about themselves, and what an encoder of one's own has for nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmmim.checkpoint.names import PRETRAIN_ONLY, matching
from mmmim.errors import UsageError
from mmmim.models.backbones import BEiTViT, Encoder, ResNet, StagedEncoder, Swin, SwinV2, ViT
from mmmim.models.layers import PatchMask
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


# ------------------------------------------------------------------ an encoder of one's own


class Convolutions(StagedEncoder):
    def __init__(self, widths: tuple[int, ...] = (4, 8, 16), out_indices: Any = -1, **settings: Any) -> None:
        frozen_stages = settings.pop("frozen_stages", -1)
        super().__init__(img_size=32, patch_size=2, **settings)
        self.arch = dict(widths=widths)
        self.choose_outputs(widths, out_indices)
        self.stem = nn.Conv2d(self.in_channels, widths[0], 2, 2)
        self.mask_token = nn.Parameter(torch.zeros(widths[0])) if self.mask_mode else None
        pairs = zip((widths[0], *widths), widths, strict=False)
        convs = [nn.Conv2d(a, b, 3, 2 if i else 1, 1) for i, (a, b) in enumerate(pairs)]
        self.levels = nn.ModuleList(nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels)) for conv in convs)
        self.freeze(frozen_stages)

    def embed(self, images: Tensor, mask: PatchMask | None = None) -> Tensor:
        x = self.stem(images)
        if mask is None:
            return x
        return torch.where(mask.mask.unsqueeze(1), self.checked_mask_token(mask, self.grid(images)).view(-1, 1, 1), x)

    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        return self.run(self.levels[stage], x)

    def block_list(self) -> list[nn.Module]:
        return list(self.levels)

    def freezable(self) -> list[list[nn.Module]]:
        return [[self.stem], *([level] for level in self.levels)]


def test_what_a_new_encoder_has_for_nothing() -> None:
    images = torch.randn(2, 3, 32, 48)
    model = Convolutions(out_indices=(0, -1))
    assert (model.embed_dims, model.stride, model.grid(images), model.grid_size) == (16, (8, 8), (16, 24), (16, 16))
    assert [tuple(x.shape) for x in model(images)] == [(2, 384, 4), (2, 24, 16)]
    assert [tuple(x.shape) for x in Convolutions(out_type="featmap")(images)] == [(2, 16, 4, 6)]
    assert Convolutions(out_type="avg")(images)[0].shape == (2, 16)
    assert model.level_dims() == {"stage1": 4, "stage3": 16} and model.get_layer_depth("levels.1.0.weight") == (2, 5)
    Convolutions(mask_mode=None).load_state_dict(model.state_dict(), strict=True)  # the mask token does not count
    frozen = Convolutions(frozen_stages=1).train()
    assert [level.training for level in frozen.levels] == [False, True, True]


def test_recomputing_counts_statistics_once() -> None:
    images = torch.randn(2, 3, 32, 32, requires_grad=True)
    model = Convolutions(with_cp=True).train()
    model(images)[0].sum().backward()
    assert [level[1].num_batches_tracked.item() for level in model.levels] == [1, 1, 1]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (dict(mask_mode="drop"), "mask_mode='drop' is unknown; .*'replace', None"),
        (dict(out_type="cls"), "out_type='cls' is unknown"),
        (dict(out_indices=[3]), r"out_indices=\[3\] out of range for 3 stages"),
        (dict(frozen_stages=4), r"frozen_stages=4 must lie in -1\.\.3"),
    ],
)
def test_what_it_refuses(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Convolutions(**settings)


def test_without_a_model_of_timm_the_export_says_so() -> None:
    with pytest.raises(UsageError, match="--to timm: Convolutions names no model of timm; use --to safetensors"):
        Convolutions.timm_model({}, {})
