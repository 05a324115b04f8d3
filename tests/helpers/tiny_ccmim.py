from __future__ import annotations

from pathlib import Path

import pytest

CONFIG = """
default_scope = "mmmim"
model = dict(
    type="CCMIM",
    data_preprocessor=dict(type="ImagePreprocessor", mean=MEAN, std=STD),
    backbone=dict(
        type="ViT",
        arch=dict(embed_dims=32, depth=2, num_heads=2),
        img_size=(32, 48),
        patch_size=8,
        in_channels=CHANNELS,
    ),
    masker=dict(type="ImportanceMasker", mask_ratio=0.75),
    neck=dict(type="MAEDecoder", dims=32, depth=1, num_heads=2),
    target_generator=dict(type="TARGET"),
    contrast_weight=0.2,
)
"""


@pytest.fixture
def write_config(tmp_path: Path):
    """Writes the config of a tiny ccMIM for images of 32x48 pixels."""

    def write(channels: int = 3, target: str = "PixelTarget") -> Path:
        text = CONFIG.replace("CHANNELS", str(channels)).replace("TARGET", target)
        text = text.replace("MEAN", str((120.0,) * channels)).replace("STD", str((60.0,) * channels))
        path = tmp_path / f"tiny_{channels}.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write
