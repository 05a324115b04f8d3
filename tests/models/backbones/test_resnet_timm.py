from typing import Any

import pytest
import timm
import torch
import torchvision
from small_resnet import lively
from torch import nn

from mmmim.models.backbones import ResNet

TINY: dict[str, Any] = dict(block="bottleneck", depths=(1, 2, 1, 1), channels=8)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (dict(), 23_508_032),
        (dict(width=2), 93_907_072),
        (dict(width=4), 375_378_176),
        (dict(width=4, stem="3x3"), 375_347_456),  # SimMIM's trunk
        (dict(width=4, stem="3x3", mask_mode="replace"), 375_347_456 + 256),
        (dict(depth=18), 11_176_512),
    ],
)
def test_parameter_counts(options: dict, expected: int) -> None:
    with torch.device("meta"):
        model = ResNet(**dict(dict(mask_mode=None), **options))
    assert sum(p.numel() for p in model.parameters()) == expected
    assert model.embed_dims == (512 if "depth" in options else 2048 * options.get("width", 1))


@pytest.mark.parametrize("depth", [18, 50])
def test_the_same_network_as_timm_and_torchvision(depth: int) -> None:
    arch = f"resnet{depth}"
    ours = lively(ResNet(depth, mask_mode=None, out_type="featmap").eval())
    x = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    timms = timm.create_model(arch, num_classes=0).double().eval()
    timms.load_state_dict(ours.state_dict(), strict=True)
    visions = torchvision.models.get_model(arch, weights=None).double().eval()
    visions.fc = nn.Identity()
    visions.load_state_dict(ours.state_dict(), strict=True)
    with torch.no_grad():
        (features,) = ours(x)
        torch.testing.assert_close(features, timms.forward_features(x), rtol=0, atol=1e-12)
        torch.testing.assert_close(features.mean((2, 3)), visions(x), rtol=0, atol=1e-12)
    assert len(ours.state_dict()) == (318 if depth == 50 else 120)
