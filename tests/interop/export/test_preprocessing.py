from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from small_encoders import write_checkpoint

from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import ViT

transformers = pytest.importorskip("transformers")


def test_images_are_prepared_as_the_config_says(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run.pth", ViT)
    checkpoint = torch.load(tmp_path / "run.pth")
    steps = [
        dict(type="Resize", size=40, interpolation="bicubic", antialias=True),
        dict(type="CenterCrop", size=[32, 48]),
    ]
    loader = dict(dataset=dict(type="ImageFolder", root="x", transforms=steps))
    checkpoint["meta"]["cfg"] = Config(dict(val_dataloader=loader)).pretty_text
    torch.save(checkpoint, tmp_path / "run.pth")
    export(read_encoder(tmp_path / "run.pth"), "transformers", tmp_path / "out")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8))
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "out")
    found = processor(picture, return_tensors="pt").pixel_values
    from mmmim.datasets.transforms import build_transform

    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    for step in steps:
        pixels = build_transform(step)(pixels)
    expected = (pixels.float() - 120) / 58
    assert found.shape == (1, 3, 32, 48)
    torch.testing.assert_close(found[0], expected, rtol=0, atol=2 / 58)  # two values of a pixel
