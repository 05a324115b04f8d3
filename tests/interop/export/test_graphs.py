"""ONNX files and programs of torch.export give our outputs, for any number of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from exported_graphs import need, run_lines
from models_to_export import PLAIN, write_classifier
from small_encoders import write_checkpoint

from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT

ROOT = Path(__file__).parents[3]
GRAPHS = ["onnx", "torch-export"]


@pytest.mark.parametrize("target", GRAPHS)
@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (ViT, dict(patch_size=(8, 16), in_channels=5)),
        (BEiTViT, dict(rel_pos="block")),
        (ResNet, {}),
        pytest.param(ViT, dict(with_cls_token=False, pos_embed="none", final_norm=False), marks=pytest.mark.slow),
        pytest.param(BEiTViT, {}, marks=pytest.mark.slow),
        pytest.param(BEiTViT, dict(rel_pos="block", window_size=3), marks=pytest.mark.slow),
        pytest.param(BEiTViT, dict(rel_pos="decomposed", window_size=2), marks=pytest.mark.slow),
        pytest.param(Swin, {}, marks=pytest.mark.slow),
        pytest.param(Swin, dict(dynamic_size=True, window_size=3), marks=pytest.mark.slow),
        pytest.param(SwinV2, dict(extra_norm_every_n_blocks=2), marks=pytest.mark.slow),
        pytest.param(ResNet, dict(width=2, stem="3x3", output_stride=8), marks=pytest.mark.slow),
    ],
)
def test_any_number_of_images(tmp_path: Path, target: str, cls: Any, settings: dict) -> None:
    need(target)
    model = write_checkpoint(tmp_path / "run.pth", cls, **settings)
    usage, difference = export(read_encoder(tmp_path / "run.pth"), target, tmp_path / "out")
    assert difference < 1e-4
    model.out_type = "raw"
    for batch in (1, 3):
        images = torch.randn(batch, model.in_channels, *model.img_size)
        with torch.no_grad():
            theirs, ours = run_lines(usage, images), model(images)[-1]
        assert ours.std() > 0.05
        torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4 * max(1, ours.abs().max().item()))


@pytest.mark.parametrize("target", GRAPHS)
def test_a_classifier(tmp_path: Path, target: str) -> None:
    need(target)
    model = write_classifier(tmp_path / "ft.pth", dict(PLAIN, out_type="avg", final_norm=False), "ln")
    file = tmp_path / ("ft.onnx" if target == "onnx" else "ft.pt2")
    usage, _ = export(read_encoder(tmp_path / "ft.pth"), target, file, with_head=True)
    images = torch.randn(3, 3, *model.backbone.img_size)
    with torch.no_grad():
        torch.testing.assert_close(run_lines(usage, images), model(images), rtol=0, atol=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["ft.pth", file.name])
