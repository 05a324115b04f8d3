from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray
from numpy.random import PCG64, Generator
from PIL import Image

from mmmim.errors import UsageError, one_of
from mmmim.registry import DATASETS
from mmmim.seeding import derive_seed

from .base import SeededImageDataset
from .toy_images import SPLITS
from .toy_renderer import MATERIALS, render


@DATASETS.register_module()
class Collages(SeededImageDataset):
    """Generated RGB pictures with the local statistics of photographs, without labels, downloads or files.

    Discs, boxes and half planes of all sizes cover each other ("dead leaves"). Each is filled with a colour gradient,
    a pattern of ``ToyImages`` or noise with the spectrum of photographs (1/f); the picture may be blurred and noisy.
    Brightness varies more than hue. Image ``i`` of a split is a pure function of ``(seed, split, i)``.

    Args:
        img_size: Side in pixels.
        toy_share: Share of pictures that are drawn like those of ``ToyImages``.
    """

    def __init__(
        self,
        num_images: int = 2048,
        img_size: int = 96,
        toy_share: float = 0.2,
        split: str = "train",
        transforms: Sequence[dict | Callable] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(num_images, transforms)
        if not 0 <= toy_share <= 1:
            raise UsageError(f"toy_share={toy_share} must lie between 0 and 1")
        self.img_size, self.toy_share = img_size, toy_share
        self.seed, self.split = seed, one_of("split", split, SPLITS)

    def load(self, index: int) -> Image.Image:
        key = (self.seed, SPLITS.index(self.split), index)
        rng = Generator(PCG64(derive_seed(*key)))
        if rng.random() < self.toy_share:
            return Image.fromarray(render(key, (self.img_size, self.img_size), (index % len(MATERIALS),))[0])
        return Image.fromarray(collage(rng, self.img_size))


def collage(rng: Generator, side: int) -> ndarray:
    """Return one picture ``(side, side, 3)`` uint8."""
    from scipy.ndimage import gaussian_filter

    y, x = np.mgrid[:side, :side].astype(np.float32)
    palette = _Palette(rng)
    image = _fill(rng, palette, x, y)
    smallest = rng.uniform(2, 8)
    for _ in range(rng.integers(3, 25)):
        radius = min(smallest / rng.random(), side)  # their density falls with the square, as in photographs
        inside = _shape(rng, x, y, radius) * rng.choice([1, rng.uniform(0.3, 1)])
        image += (_fill(rng, palette, x, y) - image) * inside[..., None]
    if rng.random() < 0.5:
        image = gaussian_filter(image, (sigma := rng.uniform(0, 1.5), sigma, 0))
    image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(0, 8))
    return image.clip(0, 255).astype(np.uint8)


class _Palette:
    """The colours of one picture: any brightness, with hues around a common tint."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self.tint, self.spread = rng.normal(0, 18, 3), rng.choice([5, 20, 50])
        self.brightness, self.contrast = rng.uniform(70, 180), rng.uniform(20, 90)

    def colour(self) -> ndarray:
        hue = self.tint + self.rng.normal(0, self.spread, 3)
        return (self.rng.normal(self.brightness, self.contrast) + hue - hue.mean()).astype(np.float32)


def _fill(rng: Generator, palette: _Palette, x: ndarray, y: ndarray) -> ndarray:
    """Return a gradient between two colours ``(H, W, 3)``, in some cases with a pattern or noise."""
    first, other = palette.colour(), palette.colour()
    second = first + (other - first) * np.float32(rng.choice([0.15, 0.5]))
    angle, side = rng.uniform(0, 2 * np.pi), len(x)
    along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    level = (along - along.min()) / (along.max() - along.min())
    image = first + level[..., None] * (second - first)
    kind = rng.random()
    if kind < 0.25:
        across = np.float32(np.cos(angle)) * y - np.float32(np.sin(angle)) * x
        material = list(MATERIALS.values())[rng.integers(len(MATERIALS))]
        frequency = np.float32(2 * np.pi / rng.uniform(4, 24))
        pattern = material(along * frequency, across * frequency) * rng.uniform(1, 4)
        image += pattern.clip(-1, 1)[..., None] * (other - first) / 2
    elif kind < 0.7:
        image += _natural_noise(rng, side)[..., None] * ((other - first) * 0.3 + np.float32(rng.uniform(0, 25)))
    return image


def _natural_noise(rng: Generator, side: int) -> ndarray:
    """Return noise ``(side, side)`` of unit standard deviation whose amplitude falls as 1/f^a."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((side, side))) / frequency ** rng.uniform(0.6, 1.6)
    noise = np.fft.irfft2(spectrum, (side, side))
    return (noise / noise.std()).astype(np.float32)


def _shape(rng: Generator, x: ndarray, y: ndarray, radius: float) -> ndarray:
    """Return the coverage ``(H, W)`` in 0..1 of a disc, a box or a half plane; the edge is one to four pixels wide."""
    angle, aspect = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(-1, 1))
    cx, cy = rng.uniform(0, len(x), 2)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = c * (x - np.float32(cx)) + s * (y - np.float32(cy)), c * (y - np.float32(cy)) - s * (x - np.float32(cx))
    a, b = radius * np.sqrt(aspect), radius / np.sqrt(aspect)
    kind = rng.random()
    if kind < 0.45:
        distance = (np.hypot(u / np.float32(a), v / np.float32(b)) - 1) * np.float32(min(a, b))
    elif kind < 0.9:
        distance = np.maximum(np.abs(u) - np.float32(a), np.abs(v) - np.float32(b))
    else:
        distance = u
    return (0.5 - distance / np.float32(rng.choice([1, 1, 2, 4]))).clip(0, 1)
