from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture():
    """``picture(path, value, size)``: an image file of one colour, its folders made on the way."""

    def write(path: Path, value: int = 100, size: tuple[int, int] = (20, 16)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((size[1], size[0], 3), value, np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def class_folder(tmp_path, picture):
    """12 images of each of the classes ant, bee and cat."""
    for k, name in enumerate(("ant", "bee", "cat")):
        for i in range(12):
            picture(tmp_path / "images" / name / f"{i:02d}.png", 40 * k + i)
    return tmp_path / "images"
