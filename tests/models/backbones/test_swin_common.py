from __future__ import annotations

from typing import Any

import pytest
import torch
from small_encoders import STAGES, SWIN, SWIN_V2

from mmmim.errors import UsageError
from mmmim.models.backbones import Swin, SwinV2

BOTH = pytest.mark.parametrize(("cls", "settings"), [(Swin, SWIN), (SwinV2, SWIN_V2)])


@BOTH
def test_a_stage_not_larger_than_the_window_is_one_window(cls: type, settings: dict[str, Any]) -> None:
    model = cls(**settings)  # 16x32, 8x16 and 4x8 tokens in windows of 4x4
    assert model.windows == [(4, 4)] * 3
    assert model.shifts == [(2, 2), (2, 2), (0, 2)]


@BOTH
@pytest.mark.parametrize(
    ("arch", "told"),
    [
        (dict(STAGES, num_heads=(1, 2)), r"depths=\(2, 2, 2\) and num_heads=\(1, 2\) differ in length"),
        (dict(STAGES, num_heads=(1, 3, 4)), r"width 32 is not divisible by num_heads=3"),
    ],
)
def test_architectures_that_do_not_fit(cls: type, settings: dict[str, Any], arch: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        cls(**{**settings, "arch": arch})


@BOTH
def test_images_without_whole_windows_are_answered_by_the_nearest_size(cls: type, settings: dict[str, Any]) -> None:
    told = r"does not divide into windows of 4x4 in 3 stages; the nearest size that does is 32x64 \(dynamic_size=True"
    with pytest.raises(UsageError, match=r"img_size 34x64 " + told):
        cls(**{**settings, "img_size": (34, 64)})
    with pytest.raises(UsageError, match=r"image size 34x64 " + told):
        cls(**settings)(torch.zeros(1, 3, 34, 64))


@BOTH
def test_earlier_outputs_have_norms_of_their_own_which_pre_training_lacks(cls: type, settings: dict[str, Any]) -> None:
    model = cls(**settings, out_indices=(0, 2), mask_mode=None, out_type="featmap")
    assert model.downstream_only == ("norm0.*",) and not hasattr(model, "norm1")
    assert [tuple(each.shape) for each in model(torch.zeros(1, 3, 32, 64))] == [(1, 16, 16, 32), (1, 64, 4, 8)]


@BOTH
def test_buffers_of_a_file_are_computed_here(cls: type, settings: dict[str, Any]) -> None:
    model = cls(**settings)
    state = dict(model.state_dict(), **{"layers.0.blocks.1.attn_mask": torch.zeros(3)})
    model.load_state_dict(state)
    described = model.describe()
    assert described["depths"] == [2, 2, 2] and described["window_size"] == [4, 4] and not described["dynamic_size"]
