"""Built-in pictures: textured shapes on textured, cluttered backgrounds.

Colour says nothing about the shape: object and background draw their colours and textures from the same distribution,
and all shapes have the same area at the same size. Position, size, aspect, rotation, lighting, clutter and noise vary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy import ndarray
from numpy.random import PCG64, Generator

from .seeding import mix

TEXTURES = ("plain", "stripes", "checks", "dots", "noise")


@dataclass(frozen=True)
class ToyInstance:
    """One visible shape: class id, its place in ``SHAPES``; ``mask (H, W)`` bool; ``box`` as x0, y0, x1, y1."""

    label: int
    mask: ndarray
    box: tuple[int, int, int, int]


def _star(x: ndarray, y: ndarray) -> ndarray:
    """Inside a five-pointed star: the segment from tip (radius 1.597) to notch (0.67) of each tenth."""
    sector = np.pi / 5
    angle = np.abs(np.mod(np.arctan2(y, x), 2 * sector) - sector)  # 0 at a notch, sector at a tip
    r = np.hypot(x, y)
    u, v = r * np.cos(angle), r * np.sin(angle)
    tip = 1.597 * np.cos(sector), 1.597 * np.sin(sector)
    return (u - 0.67) * tip[1] - v * (tip[0] - 0.67)


def _triangle(x: ndarray, y: ndarray) -> ndarray:
    return np.maximum(np.abs(x) * 0.866 + y * 0.5, -y) - 0.778


def _cross(x: ndarray, y: ndarray) -> ndarray:
    ax, ay = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(ax - 0.396, ay - 1.19), np.maximum(ay - 0.396, ax - 1.19))


def _crescent(x: ndarray, y: ndarray) -> ndarray:
    return np.maximum(np.hypot(x, y) - 1.364, 0.994 - np.hypot(x - 0.647, y))


# Each function is negative inside; every shape has the area pi of the unit disc.
SHAPES: dict[str, Callable[[ndarray, ndarray], ndarray]] = {
    "disc": lambda x, y: np.hypot(x, y) - 1.0,
    "square": lambda x, y: np.maximum(np.abs(x), np.abs(y)) - 0.886,
    "triangle": _triangle,
    "ring": lambda x, y: np.abs(np.hypot(x, y) - 0.9) - 0.278,
    "cross": _cross,
    "star": _star,
    "crescent": _crescent,
    "bars": lambda x, y: np.maximum(np.abs(np.abs(x) - 0.85) - 0.4, np.abs(y) - 0.982),
}
SHAPE_NAMES = tuple(SHAPES)


def render(
    seed: tuple[int, ...],
    size: tuple[int, int] = (64, 64),
    labels: tuple[int, ...] = (0,),
    radius: tuple[float, float] = (0.2, 0.3),
) -> tuple[ndarray, list[ToyInstance]]:
    """One picture, a pure function of its arguments.

    Args:
        labels: Class ids from back to front; a shape hidden to more than two thirds is not listed in the result.
        radius: Range of the radius of the disc of equal area, as a share of the shorter side.

    Returns:
        ``(H, W, 3)`` uint8 RGB, and the visible instances.
    """
    rng = Generator(PCG64(mix(*seed)))
    y, x = _pixels(*size)
    colours = _colours(rng)
    image = _fill(rng, x, y, colours[:2])  # (H,W,3)
    _clutter(rng, image, x, y)
    visible: list[tuple[int, ndarray, int]] = []
    for label in labels:
        inside = _place(rng, SHAPES[SHAPE_NAMES[label]], x, y, radius)  # (H,W) coverage 0..1
        image += (_fill(rng, x, y, colours[2:]) - image) * inside[..., None]
        mask = inside > 0.5
        visible = [(k, m & ~mask, area) for k, m, area in visible]
        visible.append((label, mask, int(mask.sum())))
        colours = _colours(rng, background=colours[:2])
    _light(rng, image, x, y)
    found = [ToyInstance(k, m, _box(m)) for k, m, area in visible if m.sum() > area / 3]
    return image.clip(0, 255).astype(np.uint8), found


def to_channels(image: ndarray, channels: int) -> ndarray:
    """RGB ``(H, W, 3)`` to any number of channels: luminance for 1, fixed mixtures of R, G and B for others."""
    if channels == 3:
        return image
    if channels == 1:
        weights = np.array([[0.299, 0.587, 0.114]])
    else:
        weights = Generator(PCG64(channels)).dirichlet(np.ones(3), size=channels)  # (C,3)
    return np.rint(image @ weights.T).astype(np.uint8)


@lru_cache(maxsize=8)
def _pixels(height: int, width: int) -> tuple[ndarray, ndarray]:
    """Pixel centres in units of the shorter side, the origin in the middle."""
    side = min(height, width)
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / side
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / side
    return y[:, None], x[None, :]


def _colours(rng: Generator, background: ndarray | None = None) -> ndarray:
    """``(4, 3)``: two of the background, two of an object, the pairs' means at least 60 grey levels apart."""
    while True:
        colours = rng.uniform(20, 235, (4, 3)).astype(np.float32)
        if background is not None:
            colours[:2] = background
        if np.abs(colours[:2].mean(0) - colours[2:].mean(0)).max() > 60:
            return colours


def _fill(rng: Generator, x: ndarray, y: ndarray, colours: ndarray) -> ndarray:
    pattern = _texture(rng, x, y)  # (H,W) 0..1
    return colours[0] + pattern[..., None] * (colours[1] - colours[0])  # (H,W,3)


def _texture(rng: Generator, x: ndarray, y: ndarray) -> ndarray:
    kind = TEXTURES[rng.integers(len(TEXTURES))]
    angle, frequency, phase = rng.uniform(0, np.pi), rng.uniform(20, 50), rng.uniform(0, 6.28, 2)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = (c * x + s * y) * np.float32(frequency), (c * y - s * x) * np.float32(frequency)
    if kind == "plain":
        return np.broadcast_to(np.float32(rng.uniform()), u.shape)
    if kind == "stripes":
        return np.clip(0.5 + 1.5 * np.sin(u + phase[0]), 0, 1)
    if kind == "checks":
        return np.clip(0.5 + 3 * np.sin(u + phase[0]) * np.sin(v + phase[1]), 0, 1)
    if kind == "dots":
        return np.clip(3 * (np.sin(u + phase[0]) + np.sin(v + phase[1])) - 2.5, 0, 1)
    return _smooth_noise(rng, u.shape, cells=int(rng.integers(6, 14)))


def _smooth_noise(rng: Generator, shape: tuple[int, ...], cells: int) -> ndarray:
    noise = rng.random((cells, cells), dtype=np.float32)
    return _upsampler(shape[0], cells) @ noise @ _upsampler(shape[1], cells).T


@lru_cache(maxsize=64)
def _upsampler(size: int, cells: int) -> ndarray:
    """``(size, cells)`` linear interpolation weights."""
    position = np.linspace(0, cells - 1, size, dtype=np.float32)
    return np.clip(1 - np.abs(position[:, None] - np.arange(cells, dtype=np.float32)), 0, 1)


def _clutter(rng: Generator, image: ndarray, x: ndarray, y: ndarray) -> None:
    """Short strokes in random colours over the background."""
    height, width = image.shape[:2]
    side = min(height, width)
    for _ in range(rng.integers(3, 7)):
        top, left = rng.integers(0, height), rng.integers(0, width)
        length, thick = int(side * rng.uniform(0.1, 0.4)), max(1, int(side * rng.uniform(0.02, 0.06)))
        rows, columns = (length, thick) if rng.random() < 0.5 else (thick, length)
        image[top : top + rows, left : left + columns] = rng.uniform(0, 255, 3)


def _place(
    rng: Generator, shape: Callable[[ndarray, ndarray], ndarray], x: ndarray, y: ndarray, radius: tuple[float, float]
) -> ndarray:
    """Coverage ``(H, W)`` of the shape at a random place; its centre keeps one radius from the border."""
    r = rng.uniform(*radius)
    aspect, angle = np.exp(rng.uniform(-0.2, 0.2)), rng.uniform(0, 2 * np.pi)
    half_height, half_width = -y[0, 0] - r, -x[0, 0] - r
    cy, cx = rng.uniform(-1, 1) * max(half_height, 0), rng.uniform(-1, 1) * max(half_width, 0)
    c, s = np.cos(angle) / r, np.sin(angle) / r
    dx, dy = x - np.float32(cx), y - np.float32(cy)
    u = np.float32(c * aspect) * dx + np.float32(s * aspect) * dy
    v = np.float32(c / aspect) * dy - np.float32(s / aspect) * dx
    pixel = (x[0, 1] - x[0, 0]) / r
    return np.clip(0.5 - shape(u, v) / np.float32(pixel), 0, 1)


def _light(rng: Generator, image: ndarray, x: ndarray, y: ndarray) -> None:
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.6)
    ramp = np.float32(np.cos(angle) * strength) * x + np.float32(np.sin(angle) * strength) * y
    image *= (np.float32(rng.uniform(0.75, 1.15)) + ramp)[..., None]
    image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(2, 10))


def _box(mask: ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
