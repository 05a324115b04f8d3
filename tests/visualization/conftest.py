from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from painted_models import CONFIG, TARGETS, VIT
from tiny_ccmim import write_config
from tiny_tasks import task_config

from mmmim.models.layers import PatchMask
from mmmim.visualization.masks import masker_config
from mmmim.visualization.sources import load_images, load_model, normalise

__all__ = ["task_config", "write_config"]


@pytest.fixture
def task_run(task_config, tmp_path: Path):
    """Writes a work directory, config and untrained weights, of one of ``TASKS``."""

    def write(task: str) -> Path:
        folder = tmp_path / f"run_{task}"
        folder.mkdir(exist_ok=True)
        model = load_model(Config.fromfile(task_config(task)))
        task_config(task).rename(folder / "config.py")
        torch.save(dict(state_dict=model.state_dict()), folder / "epoch_1.pth")
        return folder

    return write


@pytest.fixture
def make_model(write_config):
    def make(strategy: str | None = None, ratio: float | None = None) -> Any:
        config = Config.fromfile(write_config())
        config.model.masker = masker_config(config.model.masker, strategy, ratio)
        return load_model(config)

    return make


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
