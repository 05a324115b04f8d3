"""torchvision's models give the features of exported encoders."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_encoders import what_is_printed, write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import ResNet, ViT


@pytest.mark.parametrize("target", ["timm", "torchvision"])
def test_resnet50_loads_into_both_libraries(tmp_path: Path, target: str) -> None:
    model = write_checkpoint(tmp_path / "run.pth", ResNet, depth=50, img_size=64)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), target, tmp_path / "out.pth")
    theirs = what_is_printed(usage)  # loads strictly
    assert len(theirs.state_dict()) == 318 and not any(name.startswith("fc") for name in theirs.state_dict())
    images, model.out_type = torch.randn(2, 3, 96, 64, dtype=torch.float64), "avg"
    with torch.no_grad():
        torch.testing.assert_close(theirs.double()(images), model.double()(images)[-1], rtol=0, atol=1e-9)
    assert difference < 1e-5


BOTTLENECK = dict(block="bottleneck", depths=(1, 2, 2, 2))


@pytest.mark.parametrize(
    "settings", [dict(depth=18), {}, *(dict(depth=BOTTLENECK, output_stride=stride) for stride in (32, 16, 8))]
)
def test_torchvision_gives_our_features(tmp_path: Path, settings: dict) -> None:
    model = write_checkpoint(tmp_path / "run.pth", ResNet, **settings)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), "torchvision", tmp_path / "out.pth")
    theirs = what_is_printed(usage).double()
    images, model.out_type = torch.randn(2, 3, 96, 64, dtype=torch.float64), "avg"
    with torch.no_grad():
        features = model.double()(images)[-1]
        torch.testing.assert_close(theirs(images), features, rtol=0, atol=1e-10)
    assert difference < 1e-5 and features.std() > 0.05


@pytest.mark.parametrize(
    ("cls", "settings", "reason"),
    [
        (ViT, {}, "only a ResNet has torchvision's parameter names, this is a ViT"),
        (ResNet, dict(width=4), r"torchvision's ResNet is 7x7 with 64 channels, this one is 7x7 with 256 \(width=4\)"),
        (ResNet, dict(stem="3x3"), r"this one is 3x3 with 64"),
        (ResNet, dict(in_channels=4), r"takes 3 channels, this one in_channels=4; use --to timm"),
        (ResNet, dict(output_stride=16), r"its BasicBlock cannot be dilated \(output_stride=16\)"),
    ],
)
def test_what_does_not_fit_torchvision_is_refused_with_the_reason(
    tmp_path: Path, cls: type, settings: dict, reason: str
) -> None:
    write_checkpoint(tmp_path / "run.pth", cls, **settings)
    with pytest.raises(UsageError, match=reason):
        export(read_encoder(tmp_path / "run.pth"), "torchvision", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()
