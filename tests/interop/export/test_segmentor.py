from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from exported_graphs import need, run_lines
from models_to_export import write_upernet
from other_libraries import differences_elsewhere, job

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder


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
