"""Folders of pictures of smooth noise, each of which looks different from the others."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def smooth_noise(number: int, size: tuple[int, int] = (32, 32), channels: int = 3) -> np.ndarray:
    """Return ``(H, W, C)`` in [0, 1]: a few random lights, enlarged."""
    coarse = np.random.default_rng(number).uniform(0, 1, (10, 10, channels)).astype(np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR).reshape(*size, channels)


def as_8_bit(values: np.ndarray) -> np.ndarray:
    """Return values in [0, 1] as pixels."""
    return np.rint(values * 255).astype(np.uint8)


def write_pictures(folder: Path, count: int, first: int = 0, size: tuple[int, int] = (32, 32)) -> Path:
    """Write so many PNG files and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        Image.fromarray(as_8_bit(smooth_noise(number, size))).save(folder / f"{number:04}.png")
    return folder
