from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmmim.models.necks.vit_pyramid import ViTPyramid

BN = dict(type="BN")


def test_levels_are_the_recipe_s_operators() -> None:
    torch.manual_seed(0)
    neck = ViTPyramid(8, norm_cfg=dict(type="GN", num_groups=2))
    maps = [torch.randn(2, 8, 6, 4) for _ in range(4)]
    fine, double, same, half = neck(maps)
    state = dict(neck.named_parameters())
    up = F.conv_transpose2d(maps[0], state["levels.0.0.weight"], state["levels.0.0.bias"], stride=2)
    up = F.gelu(F.group_norm(up, 2, state["levels.0.1.weight"], state["levels.0.1.bias"]))
    torch.testing.assert_close(
        fine, F.conv_transpose2d(up, state["levels.0.3.weight"], state["levels.0.3.bias"], stride=2)
    )
    torch.testing.assert_close(
        double, F.conv_transpose2d(maps[1], state["levels.1.0.weight"], state["levels.1.0.bias"], stride=2)
    )
    assert torch.equal(same, maps[2])
    assert torch.equal(half, maps[3].unflatten(2, (3, 2)).unflatten(4, (2, 2)).amax((3, 5)))
    assert len(state) == 8


@pytest.mark.parametrize(
    ("patch", "scales"),
    [(8, (2, 1, 0.5, 0.25)), (16, (4, 2, 1, 0.5)), (32, (8, 4, 2, 1)), (14, (4, 2, 1, 0.5))],
)
def test_strides_follow_patch_size_and_scales(patch: int, scales: tuple[float, ...]) -> None:
    neck = ViTPyramid(4, scales, norm_cfg=BN)
    maps = [torch.randn(1, 4, 8, 12)] * 4
    strides = [8 * patch / level.shape[2] for level in neck(maps)]
    assert strides == [patch / scale for scale in scales]


def test_default_norm_is_synchronised() -> None:
    norms = [m for m in ViTPyramid(4).modules() if isinstance(m, torch.nn.SyncBatchNorm)]
    assert len(norms) == 1


def test_number_of_maps_and_scales_is_checked() -> None:
    with pytest.raises(ValueError, match="3 feature maps for 4 scales"):
        ViTPyramid(4, norm_cfg=BN)([torch.randn(1, 4, 4, 4)] * 3)
    with pytest.raises(ValueError, match=r"powers of two.*got 3"):
        ViTPyramid(4, (3,), norm_cfg=BN)
    with pytest.raises(ValueError, match=r"powers of two.*got 0"):
        ViTPyramid(4, (0,), norm_cfg=BN)
