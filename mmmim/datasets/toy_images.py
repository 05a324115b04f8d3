from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors

from mmmim.errors import UsageError, one_of
from mmmim.registry import DATASETS

from .base import SeededImageDataset
from .toy_renderer import MATERIAL_NAMES, ToyInstance, render, to_channels

SPLITS = ("train", "val", "test")
TOY_SIZE = 64
MAX_CACHE_BYTES = 512 * 2**20


@DATASETS.register_module()
class ToyImages(SeededImageDataset):
    """Generated RGB pictures of one object each, labelled by its material (stripes, checks, rings, ...).

    They need no download and no files. Image ``i`` of a split is a pure function of ``(seed, split, i)`` and has label
    ``i % num_classes``. Each process keeps the pictures that it has rendered (up to 512 MiB), so it draws them only in
    its first epoch.

    Args:
        img_size: Side in pixels, or ``(height, width)``.
        num_classes: Number of classes, the first ones of ``MATERIAL_NAMES``.
        keep: Share of each class to use for low-shot learning, at least one image; the images stay the same.
        channels: 3 for RGB, 1 for luminance; any other number gives fixed mixtures of R, G and B.
    """

    def __init__(
        self,
        num_images: int = 4096,
        img_size: int | tuple[int, int] = TOY_SIZE,
        split: str = "train",
        transforms: Sequence[dict | Callable] = (),
        num_classes: int = len(MATERIAL_NAMES),
        keep: float = 1.0,
        channels: int = 3,
        seed: int = 0,
    ) -> None:
        if num_images < 1:
            raise UsageError(f"num_images: expected at least 1, got {num_images}")
        one_of("split", split, SPLITS)
        if not 1 <= num_classes <= len(MATERIAL_NAMES):
            raise UsageError(f"num_classes: there are 1..{len(MATERIAL_NAMES)} materials, got {num_classes}")
        if not 0 < keep <= 1:
            raise UsageError(f"keep={keep}: a share of each class between 0 and 1, such as 0.1")
        if keep < 1:
            num_images = num_classes * max(1, round(keep * num_images / num_classes))
        super().__init__(num_images, transforms)
        self.size = (img_size, img_size) if isinstance(img_size, int) else (img_size[0], img_size[1])
        self.seed, self.split, self.channels = seed, split, channels
        self.classes = MATERIAL_NAMES[:num_classes]
        shape = (num_images, *self.size, channels)
        self._cache = np.empty(shape, np.uint8) if np.prod(shape, dtype=np.int64) <= MAX_CACHE_BYTES else None
        self._cached = np.zeros(num_images, dtype=bool)

    @property
    def metainfo(self) -> dict:
        """Return the names of the classes, as OpenMMLab's datasets do."""
        return dict(classes=self.classes)

    def load(self, index: int) -> Image.Image | tv_tensors.Image:
        pixels = self._pixels(index)  # (H,W,C)
        if self.channels == 3:
            return Image.fromarray(pixels)
        return tv_tensors.Image(torch.from_numpy(pixels).permute(2, 0, 1).contiguous())

    def label(self, index: int) -> int:
        return index % len(self.classes)

    def fingerprint(self) -> str | None:
        """Return the arguments that determine the pictures, or None if a subclass draws its own."""
        if type(self).load is not ToyImages.load:
            return None
        return repr((len(self), self.size, self.seed, self.split, self.channels, self.classes))

    def object_mask(self, index: int) -> np.ndarray:
        """Return where the object of image ``index`` is, before transforms, as ``(H, W)`` bool."""
        return self._render(index)[1][0].mask

    def _render(self, index: int) -> tuple[np.ndarray, list[ToyInstance]]:
        return render((self.seed, SPLITS.index(self.split), index), self.size, (self.label(index),))

    def _pixels(self, index: int) -> np.ndarray:
        if self._cache is not None and self._cached[index]:
            return self._cache[index]
        image = to_channels(self._render(index)[0], self.channels)
        if self._cache is not None:
            self._cache[index] = image
            self._cached[index] = True
        return image
