from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_norm_layer
from mmengine.registry import DefaultScope

import mmmim.compat.openmmlab  # noqa: F401  # mmdet imports with it
from mmmim.models.layers import LN2d
from mmmim.models.necks.simple_fpn import SimpleFPN


def norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Layer norm over the channels, written out."""
    mean, var = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    return (x - mean) / (var + 1e-6).sqrt() * weight.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)


def lively(neck: SimpleFPN) -> dict[str, torch.Tensor]:
    for parameter in neck.parameters():
        torch.nn.init.uniform_(parameter, -1, 1)
    return dict(neck.named_parameters())


def test_levels_are_vitdet_s_operators() -> None:
    torch.manual_seed(0)
    neck = SimpleFPN(8, out_channels=6).double()
    state = lively(neck)
    first, last = torch.randn(2, 2, 8, 6, 4, dtype=torch.float64)
    outs = neck([first, last])  # only the last map counts

    def finish(x: torch.Tensor, level: int, at: int) -> torch.Tensor:
        names = [f"levels.{level}.{at + i}" for i in range(4)]
        x = norm(F.conv2d(x, state[f"{names[0]}.weight"]), state[f"{names[1]}.weight"], state[f"{names[1]}.bias"])
        x = F.conv2d(x, state[f"{names[2]}.weight"], padding=1)
        return norm(x, state[f"{names[3]}.weight"], state[f"{names[3]}.bias"])

    def up(x: torch.Tensor, level: int, at: int) -> torch.Tensor:
        return F.conv_transpose2d(x, state[f"levels.{level}.{at}.weight"], state[f"levels.{level}.{at}.bias"], stride=2)

    fine = F.gelu(norm(up(last, 0, 0), state["levels.0.1.weight"], state["levels.0.1.bias"]))
    assert fine.shape[1] == 4 and up(fine, 0, 3).shape[1] == 2  # C/2, C/4
    expected = [
        finish(up(fine, 0, 3), 0, 4),
        finish(up(last, 1, 0), 1, 1),
        finish(last, 2, 0),
        finish(F.max_pool2d(last, 2), 3, 1),
    ]
    expected.append(expected[-1][:, :, ::2, ::2])
    for ours, theirs in zip(outs, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert [tuple(x.shape[1:]) for x in outs] == [(6, 24, 16), (6, 12, 8), (6, 6, 4), (6, 3, 2), (6, 2, 1)]


def test_patches_of_8_pixels_and_more_levels() -> None:
    neck = SimpleFPN(8, out_channels=4, scales=(2, 1, 0.5, 0.25), num_outs=6)
    assert [x.shape[2] for x in neck([torch.randn(1, 8, 16, 8)])] == [32, 16, 8, 4, 2, 1]


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="num_outs=3 is less than the 4 scales"):
        SimpleFPN(8, num_outs=3)
    with pytest.raises(ValueError, match=r"powers of two.*got 3"):
        SimpleFPN(8, scales=(3,))


@pytest.mark.parametrize("scope", ["mmseg", "mmdet"])
def test_mmcv_builds_the_norm_from_any_scope(scope: str) -> None:
    with DefaultScope.overwrite_default_scope(scope):
        name, layer = build_norm_layer(dict(type="mmmim.LN2d", eps=1e-6), 5, postfix=1)
        module = ConvModule(3, 5, 1, norm_cfg=dict(type="mmmim.LN2d"))
    assert name == "ln1" and isinstance(layer, LN2d) and layer.eps == 1e-6 and isinstance(module.norm, LN2d)
    x = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    layer.double()
    torch.testing.assert_close(layer(x), norm(x, layer.weight, layer.bias))


def test_it_trains_in_bfloat16() -> None:
    neck = SimpleFPN(8, out_channels=4)
    with torch.autocast("cpu", torch.bfloat16):
        loss = sum(x.float().square().mean() for x in neck([torch.randn(2, 8, 4, 6)]))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in neck.parameters())
