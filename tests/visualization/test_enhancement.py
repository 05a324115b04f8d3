from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmmim.commands.visualize import main
from mmmim.models.layers import PatchMask
from mmmim.visualization.corruption import corruption_columns
from mmmim.visualization.enhancement import enhancement_columns, probabilities
from mmmim.visualization.grid import Column
from mmmim.visualization.options import KINDS
from mmmim.visualization.pixels import GREY, mask_to_pixels
from mmmim.visualization.sources import load_images, load_model, normalise
from mmmim.visualization.templates import template_columns

SCALE, SHIFT = np.array([58.395, 57.12, 57.375]) / 255, np.array([123.675, 116.28, 103.53]) / 255
CONFIG = """
default_scope = "mmmim"
model = dict(
    type="CIM",
    data_preprocessor=dict(type="ImagePreprocessor"),
    backbone=BACKBONE,
    generator=dict(
        type="TokenGenerator",
        tokenizer=dict(type="TinyDVAE", num_codes=16, allow_random=True, checkpoint=None),
        embed_dims=32,
        num_heads=2,
        depth=1,
        patch_size=8,
    ),
    masker=dict(type="RandomMasker", num_masked=9),
    neck=dict(type="LinearDecoder"),
    TARGET
)
train_dataloader = dict(dataset=dict(transforms=[dict(type="RandomResizedCrop", size=(32, 64))]))
"""
VIT = (
    'dict(type="BEiTViT", arch=dict(embed_dims=32, depth=1, num_heads=2), img_size=(32, 64), patch_size=8, '
    "mask_mode=None)"
)
RESNET = (
    'dict(type="ResNet", depth=dict(block="bottleneck", depths=(1, 1, 1, 1), channels=4), img_size=(32, 64), '
    "mask_mode=None)"
)
PIXELS = 'target_generator=dict(type="PixelTarget", norm_pix="{}"), head=dict(type="ReconstructionHead", scope="all")'
TARGETS = {
    "none": PIXELS.format("none"),
    "window_joint": PIXELS.format("window_joint").replace("norm_pix", "window=8, norm_pix"),
    "replaced": 'target_generator=dict(type="ReplacedTokenTarget", token_size=8), '
    'head=dict(type="BinaryCrossEntropyHead")',
}


@pytest.fixture
def write(tmp_path: Path):
    """Writes the config of a tiny CIM and a checkpoint of it."""

    def write(target: str, backbone: str = VIT) -> tuple[Path, Path]:
        config = tmp_path / f"tiny_{target}.py"
        config.write_text(CONFIG.replace("BACKBONE", backbone).replace("TARGET", TARGETS[target]), encoding="utf-8")
        torch.save(dict(state_dict=load_model(Config.fromfile(config)).state_dict()), tmp_path / "epoch_1.pth")
        return config, tmp_path / "epoch_1.pth"

    return write


@pytest.fixture
def parts(write):
    """Model, normalised images, mask."""

    def parts(target: str, backbone: str = VIT) -> tuple[Any, torch.Tensor, PatchMask]:
        model: Any = load_model(Config.fromfile(write(target, backbone)[0]))
        images = normalise(model, load_images("toy", (32, 64), num=2))
        model.set_step(0, 0)
        return model, images, model.draw_mask(images)

    return parts


def predict(model: Any, value: float) -> None:
    """From now on, everywhere."""
    torch.nn.init.zeros_(model.neck.layers[0].weight)
    torch.nn.init.constant_(model.neck.layers[0].bias, value)


def stacked(column: Column) -> np.ndarray:
    return np.stack(column.images)


def test_samples_share_the_mask_and_differ(parts) -> None:
    model, images, mask = parts("none")
    torch.manual_seed(0)
    columns = corruption_columns(model, images, mask, samples=3)
    assert [column.title.split("\n")[0] for column in columns] == [
        "original",
        "generator's input",
        *(f"corrupted, sample {number}" for number in (1, 2, 3)),
    ]
    assert "28% hidden" in columns[1].title  # 9 of 32
    hidden = mask_to_pixels(mask.mask, (32, 64))[:, 0].numpy()
    original, seen, *samples = map(stacked, columns)
    assert (seen[hidden] == GREY).all() and (seen[~hidden] == original[~hidden]).all()
    assert all((first != second).any() for first, second in itertools.combinations(samples, 2))


def test_samples_repeat_with_the_seed_and_are_all_the_same_without_chance(parts) -> None:
    model, images, mask = parts("none")
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(stacked(corruption_columns(model, images, mask, samples=1)[2]))
    assert np.array_equal(*drawn)
    model.generator.sample_mode = "argmax"
    *_, first, second = corruption_columns(model, images, mask, samples=2)
    assert np.array_equal(stacked(first), stacked(second))


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


def test_templates_are_the_means_and_give_the_image_back() -> None:
    images = load_images("toy", (32, 48), num=2)
    kinds = ["patch", "window_joint"]
    original, *columns = template_columns(images, kinds, window=8, patch_size=16)
    titles = [f"{what}\n{kind}" for what in ("mean", "deviation", "normalised") for kind in kinds]
    assert [column.title for column in columns] == titles and all(len(column.images) == 2 for column in columns)
    x = (original.images[1] - SHIFT) / SCALE
    for index, area in enumerate([x[:16, 16:32], x[4:12, 20:28]]):  # around the pixel (8, 24)
        mean, deviation, normalised = (columns[index + 2 * part].images[1][8, 24] for part in range(3))
        std = np.sqrt(area.var(ddof=1) + 1e-6)
        np.testing.assert_allclose(mean, area.mean() * SCALE + SHIFT, atol=1e-5)
        np.testing.assert_allclose(deviation, std, rtol=1e-4)
        np.testing.assert_allclose(normalised, ((x[8, 24] - area.mean()) / std / 6 + 0.5).clip(0, 1), atol=1e-4)


def test_figure_of_all_templates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["templates", "--size", "32", "--num", "1", "--out", str(tmp_path / "out.png")]
    assert main([*words, "--kinds", *KINDS]) == 0
    width, height = Image.open(tmp_path / "out.png").size
    assert 6 < width / height < 13  # thirteen columns, one row
    assert main([*words, "--patch-size", "12"]) == 2
    assert "--patch-size 12" in capsys.readouterr().err
