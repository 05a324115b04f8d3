from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from painted_models import VIT, stacked
from PIL import Image

from mmmim.commands.visualize import main
from mmmim.visualization.enhancement import enhancement_columns, probabilities
from mmmim.visualization.options import KINDS
from mmmim.visualization.sources import load_model

SCALE, SHIFT = np.array([58.395, 57.12, 57.375]) / 255, np.array([123.675, 116.28, 103.53]) / 255
RESNET = (
    'dict(type="ResNet", depth=dict(block="bottleneck", depths=(1, 1, 1, 1), channels=4), img_size=(32, 64), '
    "mask_mode=None)"
)
PIXELS = 'target_generator=dict(type="PixelTarget", norm_pix="{}"), head=dict(type="ReconstructionHead", scope="all")'


def predict(model: Any, value: float) -> None:
    """From now on, everywhere."""
    torch.nn.init.zeros_(model.neck.layers[0].weight)
    torch.nn.init.constant_(model.neck.layers[0].bias, value)


def test_pixels_without_statistics_are_the_prediction_s_own(parts) -> None:
    model, images, mask = parts("none")
    predict(model, 0.5)
    columns, caption = enhancement_columns(model, images, mask, template=True)
    assert [column.title for column in columns[2:]] == ["corrupted", "template", "recovered"]
    for column, value in zip(columns[3:], (0.0, 0.5), strict=True):
        expected = np.broadcast_to(value * SCALE + SHIFT, (2, 32, 64, 3))
        np.testing.assert_allclose(stacked(column), expected, atol=1e-6)
    assert "does not know" not in caption


def test_standardised_pixels_take_the_original_s_statistics(parts) -> None:
    model, images, mask = parts("window_joint")
    predict(model, 0.5)
    columns, caption = enhancement_columns(model, images, mask)
    window = images[0, :, 12:20, 26:34].numpy()  # around the pixel (16, 30)
    expected = (0.5 * window.std(ddof=1) + window.mean()) * SCALE + SHIFT
    np.testing.assert_allclose(columns[-1].images[0][16, 30], expected.clip(0, 1), atol=1e-5)
    assert "does not know" in caption and len(columns) == 4


@pytest.mark.parametrize("backbone", [VIT, RESNET])
def test_replaced_tokens_are_hidden_ones_and_probabilities_lie_in_their_place(parts, backbone: str) -> None:
    model, images, mask = parts("replaced", backbone)
    columns, _ = enhancement_columns(model, images, mask)
    replaced, detected = map(stacked, columns[3:])
    assert replaced.shape == detected.shape == (2, 4, 8)
    assert not replaced[~mask.mask.numpy()].any() and replaced.any()
    assert columns[3].limits == columns[4].limits == (0, 1)
    wanted = (replaced - 0.5) * 20
    values = model.target_generator(torch.from_numpy(wanted) > 0) * 20 - 10  # as certain logits
    np.testing.assert_allclose(probabilities(model, values, images), replaced, atol=1e-4)


@pytest.mark.parametrize("target", ["window_joint", "replaced"])
def test_pictures_of_a_checkpoint(write, tmp_path: Path, target: str) -> None:
    config, checkpoint = write(target)
    for picture, words in {"corruption": ["--samples", "2"], "enhancement": []}.items():
        out = tmp_path / f"{picture}.png"
        assert main([picture, str(config), str(checkpoint), "--num", "2", *words, "--out", str(out)]) == 0
        assert Image.open(out).width > 400


def test_other_methods_have_no_generator(write_config, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config()
    torch.save(dict(state_dict=load_model(Config.fromfile(config)).state_dict()), tmp_path / "x.pth")
    for picture in ("corruption", "enhancement"):
        assert main([picture, str(config), str(tmp_path / "x.pth"), "--out", "x.png"]) == 2
        assert "has no generator" in capsys.readouterr().err


def test_figure_of_all_templates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["templates", "--size", "32", "--num", "1", "--out", str(tmp_path / "out.png")]
    assert main([*words, "--kinds", *KINDS]) == 0
    width, height = Image.open(tmp_path / "out.png").size
    assert 6 < width / height < 13  # thirteen columns, one row
    assert main([*words, "--patch-size", "12"]) == 2
    assert "--patch-size 12" in capsys.readouterr().err
