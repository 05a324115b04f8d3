from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from mmengine.logging import print_log
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors

from mmmim.errors import UsageError

from .seeding import SampleKey, seeded_sample
from .transforms import ToUint8Tensor, build_transform

MAX_WARNINGS = 20


class SeededImageDataset(Dataset, ABC):
    """A map-style dataset whose sample is a pure function of its ``SampleKey`` (seed, epoch, index).

    A sample is ``dict(inputs=uint8 (C, H, W), labels=int, indices=int)``; an unknown label is -1. Transforms may turn
    the image into a dict of views, ``inputs`` among them, which become keys of the sample. A sample that cannot be read
    is replaced by the next readable one (``labels`` and ``indices`` are those of the replacement), logged once (each
    process names its first 20), and listed in ``bad_files``, which workers and main process share.

    Subclasses define ``load(index)``, and ``label(index)``, ``name(index)`` and ``__len__`` if the defaults do not fit.

    Raises:
        UsageError: No sample of the whole dataset is readable.
    """

    def __init__(self, length: int, transforms: Sequence[dict | Callable] = ()) -> None:
        self.transforms = [build_transform(t) for t in transforms]
        self.to_tensor = ToUint8Tensor()
        self._is_bad = torch.zeros(length, dtype=torch.bool).share_memory_()
        self._num_named = 0

    @abstractmethod
    def load(self, index: int) -> Image.Image | tv_tensors.Image:
        """Return the decoded image, or raise whatever the decoder raises."""

    def label(self, index: int) -> int:
        """Return the label of a sample, -1 if it is unknown."""
        return -1

    def name(self, index: int) -> str:
        """Return the name of a sample for messages, such as its path."""
        return str(index)

    def __len__(self) -> int:
        return len(self._is_bad)

    def __getitem__(self, key: SampleKey | int) -> dict[str, Tensor | int]:
        seed, epoch, wanted = SampleKey.of(key)
        if not 0 <= wanted < len(self):
            raise IndexError(f"index: expected 0..{len(self) - 1}, got {wanted}")
        index, image = self._load_readable(wanted)
        with seeded_sample(seed, epoch, wanted):
            for transform in self.transforms:
                image = transform(image)
        views = image if isinstance(image, dict) else dict(inputs=image)
        tensors = {name: self.to_tensor(view) for name, view in views.items()}
        return dict(tensors, labels=self.label(index), indices=index)

    @property
    def bad_files(self) -> list[str]:
        """Return the files that this dataset, in any of its worker processes, failed to read."""
        return [self.name(i) for i in self._is_bad.nonzero().flatten().tolist()]

    def _load_readable(self, wanted: int) -> tuple[int, Image.Image | tv_tensors.Image]:
        for step in range(len(self)):
            index = (wanted + step) % len(self)
            if self._is_bad[index]:
                continue
            try:
                return index, self.load(index)
            except Exception as error:  # decoders raise anything on broken data
                self._is_bad[index] = True
                self._warn(index, error)
        raise UsageError(
            f"none of the {len(self)} images is readable, e.g. {self.name(wanted)}; see the warnings above"
        )

    def _warn(self, index: int, error: Exception) -> None:
        self._num_named += 1
        if self._num_named <= MAX_WARNINGS:
            text = f"Skipping unreadable image {self.name(index)}: {type(error).__name__}: {error}"
            more = "; further ones are only counted" if self._num_named == MAX_WARNINGS else ""
            print_log(text + more, logger="current", level=logging.WARNING)
