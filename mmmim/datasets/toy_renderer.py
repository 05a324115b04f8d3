"""Render pictures of objects of a patterned material on cluttered backgrounds.

The material is the class. All objects share one narrow palette, the share of dark and light in a pattern is random, and
so are shape, place, size, rotation, lighting, clutter and noise: neither colour nor a template identifies the material.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy import ndarray
from numpy.random import PCG64, Generator

from mmmim.seeding import derive_seed

# Functions of two rotated coordinates in radians with values in about [-1, 1]; light is above a random threshold.
MATERIALS: dict[str, Callable[[ndarray, ndarray], ndarray]] = {
    "stripes": lambda u, v: np.sin(u),
    "checks": lambda u, v: np.sin(u) * np.sin(v),
    "dashes": lambda u, v: np.minimum(np.sin(1.5 * u), np.sin(0.6 * v)) + 0.5,
    "grid": lambda u, v: np.maximum(np.sin(u), np.sin(v)) - 0.4,
    "zigzag": lambda u, v: np.sin(u + 2 * np.arcsin(np.sin(v))),
    "rings": lambda u, v: np.sin(np.hypot(u, v)),
    "marble": lambda u, v: np.sin(0.5 * u + 2.5 * np.sin(0.4 * v + 1.5 * np.sin(0.3 * u))),
    "plain": lambda u, v: np.zeros_like(u + v),
}
MATERIAL_NAMES = tuple(MATERIALS)
VERSION = 3  # version of the pictures; sets on disk of another version are drawn again
PALETTE = np.array([[90, 100, 110], [115, 120, 125], [200, 170, 70], [60, 65, 150]], np.float32)  # background, object


@dataclass(frozen=True)
class ToyInstance:
    """One visible object: ``label`` is its index in ``MATERIALS``, ``mask`` is (H, W) bool, ``box`` x0, y0, x1, y1."""

    label: int
    mask: ndarray
    box: tuple[int, int, int, int]


def _star(x: ndarray, y: ndarray) -> ndarray:
    """Return values that are negative inside a five-pointed star with tips at radius 1.597 and notches at 0.67."""
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
SHAPE_LIST = tuple(SHAPES.values())


def render(
    seed: tuple[int, ...],
    size: tuple[int, int] = (64, 64),
    labels: tuple[int, ...] = (0,),
    radius: tuple[float, float] = (0.34, 0.46),
) -> tuple[ndarray, list[ToyInstance]]:
    """Return one picture, a pure function of the arguments, and its visible objects.

    Args:
        labels: Class ids from back to front; an object of which more than two thirds are hidden is not returned.
        radius: Range of the radius of the disc of equal area, as a share of the shorter side.

    Returns:
        The picture ``(H, W, 3)`` as uint8 RGB, and the visible instances.
    """
    rng = Generator(PCG64(derive_seed(*seed)))
    y, x = _pixels(*size)
    image = _blend(PALETTE[:2] + _shift(rng), _smooth_noise(rng, size, cells=int(rng.integers(2, 5))))  # (H,W,3)
    _clutter(rng, image, x, y)
    visible: list[tuple[int, ndarray, int]] = []
    for label in labels:
        inside = _place(rng, SHAPE_LIST[rng.integers(len(SHAPE_LIST))], x, y, radius)  # (H,W) coverage 0..1
        material = _pattern(rng, MATERIALS[MATERIAL_NAMES[label]], x, y)  # (H,W) 0..1
        image += (_blend(PALETTE[2:] + _shift(rng), material) - image) * inside[..., None]
        mask = inside > 0.5
        visible = [(k, m & ~mask, area) for k, m, area in visible]
        visible.append((label, mask, int(mask.sum())))
    _light(rng, image, x, y)
    found = [ToyInstance(k, m, _box(m)) for k, m, area in visible if m.sum() > area / 3]
    return image.clip(0, 255).astype(np.uint8), found


def to_channels(image: ndarray, channels: int) -> ndarray:
    """Return RGB ``(H, W, 3)`` in another number of channels: luminance for 1, else fixed mixtures of R, G and B."""
    if channels == 3:
        return image
    if channels == 1:
        weights = np.array([[0.299, 0.587, 0.114]])
    else:
        weights = Generator(PCG64(channels)).dirichlet(np.ones(3), size=channels)  # (C,3)
    return np.rint(image @ weights.T).astype(np.uint8)


@lru_cache(maxsize=8)
def _pixels(height: int, width: int) -> tuple[ndarray, ndarray]:
    """Return y and x of the pixel centres in units of the shorter side, with the origin in the middle."""
    side = min(height, width)
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / side
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / side
    return y[:, None], x[None, :]


def _shift(rng: Generator) -> ndarray:
    return rng.uniform(-8, 8, (2, 3)).astype(np.float32)


def _blend(colours: ndarray, level: ndarray) -> ndarray:
    return colours[0] + level[..., None] * (colours[1] - colours[0])  # (H,W,3)


def _pattern(rng: Generator, material: Callable[[ndarray, ndarray], ndarray], x: ndarray, y: ndarray) -> ndarray:
    """Return the material ``(H, W)`` in 0..1, at a random angle, scale, place and share of light."""
    angle, frequency, centre = rng.uniform(0, np.pi), rng.uniform(24, 50), rng.uniform(-0.3, 0.3, 2)
    c, s = np.float32(np.cos(angle) * frequency), np.float32(np.sin(angle) * frequency)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    signal = material(c * dx + s * dy, c * dy - s * dx)
    return np.clip(0.5 + 2.5 * (signal - np.float32(rng.uniform(-0.4, 0.4))), 0, 1)


def _smooth_noise(rng: Generator, shape: tuple[int, ...], cells: int) -> ndarray:
    noise = rng.random((cells, cells), dtype=np.float32)
    return _upsampler(shape[0], cells) @ noise @ _upsampler(shape[1], cells).T


@lru_cache(maxsize=64)
def _upsampler(size: int, cells: int) -> ndarray:
    """Return the weights ``(size, cells)`` of a linear interpolation."""
    position = np.linspace(0, cells - 1, size, dtype=np.float32)
    return np.clip(1 - np.abs(position[:, None] - np.arange(cells, dtype=np.float32)), 0, 1)


def _clutter(rng: Generator, image: ndarray, x: ndarray, y: ndarray) -> None:
    """Draw short strokes in random colours over the background."""
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
    """Return the coverage ``(H, W)`` of the shape at a random place, its centre one radius away from the border."""
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
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.2)
    ramp = np.float32(np.cos(angle) * strength) * x + np.float32(np.sin(angle) * strength) * y
    image *= (np.float32(rng.uniform(0.95, 1.05)) + ramp)[..., None]
    image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(5)


def _box(mask: ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
