from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.models.backbones import StagedEncoder
from mmmim.models.layers import PatchMask


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
