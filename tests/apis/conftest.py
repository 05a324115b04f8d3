from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_mae import TINY

import mmmim
from mmmim.apis import TrainingResult


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twelve pictures of two classes, one of them of reds and one of blues."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(12):
        name = "red" if number % 2 else "blue"
        pixels = rng.integers(0, 60, (40, 50, 3), dtype=np.uint8)
        pixels[..., 0 if number % 2 else 2] += 180
        (folder / name).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture(scope="session")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A tiny MAE that was trained for an epoch on the pictures."""
    work_dir = tmp_path_factory.mktemp("runs") / "mae"
    return mmmim.train("mae/vit-tiny_toy", pictures, work_dir=work_dir, cfg_options=TINY, epochs=1)
