"""ONNX files and programs of torch.export give our outputs, for any number of images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from models_to_export import PLAIN, write_classifier, write_upernet
from other_libraries import differences_elsewhere, job
from small_encoders import write_checkpoint

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import BEiTViT, ResNet, Swin, SwinV2, ViT

ROOT = Path(__file__).parents[2]
GRAPHS = ["onnx", "torch-export"]


def run_lines(usage: str, images: torch.Tensor) -> torch.Tensor:
    """Run the lines that an export prints."""
    names: dict[str, Any] = dict(torch=torch, images=images)
    if "onnxruntime" in usage:
        import onnxruntime

        names |= dict(onnxruntime=onnxruntime, images=images.numpy())
    exec(usage, names)
    return torch.as_tensor(names.get("features", names.get("logits")))


def need(target: str) -> None:
    if target == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")


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


@pytest.mark.parametrize("target", ["torch-export", pytest.param("onnx", marks=pytest.mark.slow)])
def test_upernet_gives_the_logits_of_mmseg(tmp_path: Path, target: str) -> None:
    need(target)
    model: Any = write_upernet(tmp_path / "seg.pth")
    usage, difference = export(read_encoder(tmp_path / "seg.pth"), target, tmp_path / "out", with_head=True)
    assert difference < 1e-4 and "(B, 3, 96, 96) -> (B, 3, 96, 96)" in usage
    images = torch.randn(3, 3, 96, 96)
    with torch.no_grad():
        expected = model.encode_decode(images, [dict(img_shape=(96, 96))] * 3)
    assert expected.std() > 0.01
    torch.testing.assert_close(run_lines(usage, images), expected, rtol=1e-4, atol=1e-4)
    assert differences_elsewhere(tmp_path, [job(tmp_path, target, images, expected)])[0] < 1e-4
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "image-segmentation" in card and "| classes | plain, stripes, checks |" in card


SMALL_SWIN = {
    "model.backbone.arch": dict(_delete_=True, embed_dims=16, depths=(2, 2, 1, 1), num_heads=(1, 2, 4, 8)),
    "model.backbone.img_size": 64,
    "model.backbone.window_size": 3,
    "model.decode_head.in_channels": [16, 32, 64, 128],
    "model.decode_head.channels": 16,
    "model.auxiliary_head.in_channels": 64,
}


@pytest.mark.slow
@pytest.mark.parametrize(("config", "changes"), [("toy_upernet_beit.py", {}), ("upernet_swin.py", SMALL_SWIN)])
def test_upernet_on_other_encoders(tmp_path: Path, config: str, changes: dict) -> None:
    model: Any = write_upernet(tmp_path / "seg.pth", config, **changes)
    usage, difference = export(read_encoder(tmp_path / "seg.pth"), "torch-export", tmp_path / "out", with_head=True)
    images = torch.randn(2, 3, *model.backbone.img_size)
    with torch.no_grad():
        expected = model.encode_decode(images, [dict(img_shape=tuple(images.shape[2:]))] * 2)
    torch.testing.assert_close(run_lines(usage, images), expected, rtol=1e-4, atol=1e-4)
    assert difference < 1e-4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type='UPerHead'", "type='EncHead'", "decode_head.type='EncHead' is not exported; known are UPerHead"),
        ("type='mmmim.ViTPyramid'", "type='os.system'", "neck.type='system' is not exported"),
        ("channels=64,\n        dropout_ratio", "channels=1000000,\n        dropout_ratio", "tensors are not"),
        (
            "channels=64,\n        dropout_ratio",
            "channels=65,\n        dropout_ratio",
            "tensors are not those of the model",
        ),
        (
            "norm_cfg=dict(requires_grad=True, type='SyncBN')",
            "norm_cfg=dict(type='os.BN')",
            r"norm_cfg\.type is 'os\.BN'",
        ),
        ("num_classes=3", "num_classes='3'", "does not say how its decode_head is built"),
    ],
)
def test_settings_of_a_head_are_parsed(tmp_path: Path, old: str, new: str, message: str) -> None:
    write_upernet(tmp_path / "seg.pth")
    checkpoint = torch.load(tmp_path / "seg.pth")
    text = checkpoint["meta"]["cfg"]
    assert old in text
    checkpoint["meta"]["cfg"] = text.replace(old, new)
    torch.save(checkpoint, tmp_path / "seg.pth")
    with pytest.raises(UsageError, match=f"--with-head: .*{message}"):
        export(read_encoder(tmp_path / "seg.pth"), "torch-export", tmp_path / "out", with_head=True)
    assert not (tmp_path / "out").exists()


def test_without_the_extra_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "run.pth", ViT)
    encoder = read_encoder(tmp_path / "run.pth")
    for target, module in (("onnx", "onnxscript"), ("transformers", "transformers")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(UsageError, match=rf"--to {target} needs .*{module}.*: pip install 'mmmim\[export\]'"):
            export(encoder, target, tmp_path / "out")
    assert not (tmp_path / "out").exists()
