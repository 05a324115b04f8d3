"""Image files: of one colour, of three classes, and unreadable ones."""

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


@pytest.fixture
def broken(tmp_path, picture):
    """00 good, 01 truncated, 02 empty, 03 text, 04 good, 05 truncated png."""
    folder = tmp_path / "images"
    picture(folder / "00.png", 0), picture(folder / "04.png", 40)
    Image.effect_noise((64, 64), 90).save(folder / "01.jpg")
    Image.effect_noise((64, 64), 90).save(folder / "05.png")
    for name in ("01.jpg", "05.png"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
    (folder / "02.jpg").write_bytes(b"")
    (folder / "03.jpg").write_text("not an image", encoding="utf-8")
    return folder


BAD = ["01.jpg", "02.jpg", "03.jpg", "05.png"]
