from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmmim.commands.visualize import main
from mmmim.visualization.degradations import inputs, task_of
from mmmim.visualization.grid import Column
from mmmim.visualization.pixels import GREY
from mmmim.visualization.sources import load_crops, load_model, normalise


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Column]:
    """The columns of the pictures that are drawn."""
    kept: list[Column] = []

    def keep(columns: list[Column], path: Path, **kwargs: Any) -> Path:
        kept.extend(columns)
        return path

    monkeypatch.setattr("mmmim.visualization.degradations.save_grid", keep)
    return kept


def inputs_of(config: Config, seed: int = 0) -> tuple[torch.Tensor, np.ndarray]:
    """uint8 images and what the encoder sees of them."""
    model: Any = load_model(config)
    images = load_crops(config, model, "toy", 3)
    return images, np.stack(inputs(model, normalise(model, images), seed))


def test_figure_of_all_tasks(task_config, tmp_path: Path) -> None:
    configs = [
        task_config(task)
        for task in ("masked", "zoomed-in", "zoomed-out", "distorted", "blurred", "decolorized", "integrated")
    ]
    assert main(["degradations", *map(str, configs), "--num", "2", "--out", str(tmp_path / "out.png")]) == 0
    width, height = Image.open(tmp_path / "out.png").size
    assert 2.5 < width / height < 5  # eight columns, two rows


def test_columns_are_the_original_and_one_per_config(task_config, tmp_path: Path, drawn: list[Column]) -> None:
    configs = [str(task_config(task)) for task in ("zoomed-in", "integrated")]
    assert main(["degradations", *configs, "--num", "2", "--out", "x.png"]) == 0
    assert [column.title for column in drawn] == [
        "original",
        "ZoomIn\nsize=24",
        "CenterInput\ntarget=crop\nRandomMasker\nmask_ratio=0.5",
    ]
    assert [len(column.images) for column in drawn] == [2, 2, 2]
    drawn.clear()
    assert main(["degradations", *configs, "--names", "a", "m+a", "--out", "x.png"]) == 0
    assert [column.title for column in drawn] == ["original", "a", "m+a"]
    assert main(["degradations", *configs, "--names", "a", "--out", "x.png"]) == 2


def test_hidden_patches_are_grey_and_the_integrated_input_is_the_crop_s_centre(task_config) -> None:
    images, seen = inputs_of(Config.fromfile(task_config("integrated")))
    assert images.shape[-2:] == (48, 48) and seen.shape[1:3] == (32, 32)
    patches = seen.reshape(3, 4, 8, 4, 8, 3).swapaxes(2, 3)
    grey = (patches == GREY).all((3, 4, 5))  # (B,h,w)
    assert (grey.sum((1, 2)) == 8).all()
    centre = images[:, :, 8:40, 8:40].permute(0, 2, 3, 1).numpy().reshape(3, 4, 8, 4, 8, 3).swapaxes(2, 3)
    np.testing.assert_allclose(patches[~grey] * 255, centre[~grey], atol=1e-3)


def test_saturation_is_that_of_the_closed_form(task_config) -> None:
    images, seen = inputs_of(Config.fromfile(task_config("decolorized")))
    colors = images.permute(0, 2, 3, 1).numpy() / 255
    np.testing.assert_allclose(seen, 0.7 * colors.max(-1, keepdims=True) + 0.3 * colors, atol=1e-5)


def test_random_degradations_repeat_with_the_seed(task_config) -> None:
    config = Config.fromfile(task_config("distorted"))
    same = inputs_of(config, 1)[1]
    assert np.array_equal(same, inputs_of(config, 1)[1])
    assert not np.array_equal(same, inputs_of(config, 2)[1])


def test_name_of_several_steps() -> None:
    steps = [dict(type="mmmim.SaturationScale", scale=0), dict(type="Fisheye")]
    assert task_of(dict(degradation=steps, masker=None)) == "SaturationScale\nscale=0\nFisheye"
    assert task_of({}) == ""


@pytest.mark.parametrize("task", ["zoomed-out", "distorted-48", "zoomed-in-48", "integrated"])
def test_reconstruction_of_degraded_images(task_run, tmp_path: Path, task: str) -> None:
    run = task_run(task)
    words = ["reconstruction", run / "config.py", run, "--num", 2, "--out", tmp_path / "out.png"]
    assert main([str(word) for word in words]) == 0


def test_masks_are_drawn_over_what_the_encoder_sees(task_config, tmp_path: Path) -> None:
    words = ["masks", task_config("integrated"), "--num", 1, "--out", tmp_path / "out.png"]
    assert main([str(word) for word in words]) == 0


def test_recovery_of_what_is_not_only_hidden(task_run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recovery", str(task_run("integrated")), "--out", "x.png"]) == 2
    assert "use 'tasks'" in capsys.readouterr().err
