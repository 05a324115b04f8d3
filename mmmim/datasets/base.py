from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any

import torch
from mmengine.logging import print_log
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from mmmim.errors import RunFailed, UsageError
from mmmim.seeding import derive_seed

from .decode import to_tensor
from .patient import PatientReader
from .seeding import SampleKey, seeded_sample
from .storage import append_line
from .transforms import ToUint8Tensor, build_transform, draws_from_torch, reduction_of

MAX_WARNINGS = 20
MAX_DRAWS = 1000  # of replacements, before the whole dataset is searched


class TooManyBadFiles(RunFailed):
    """More files of a dataset than its policy allows cannot be read."""


class SeededImageDataset(PatientReader, Dataset, ABC):
    """A map-style dataset whose sample is a pure function of its ``SampleKey`` (seed, epoch, index).

    A sample is ``dict(inputs=uint8 (C, H, W), labels=int, indices=int)``; an unknown label is -1. Transforms get the
    image as a uint8 tensor ``(C, H, W)`` whose pixels lie one after the other (channels last); they may turn it into a
    dict of views, ``inputs`` among them, which become keys of the sample.

    A sample that cannot be decoded is replaced by one that is drawn for this key (``labels`` and ``indices`` are those
    of the replacement), logged once (each process names its first 20), and listed in ``bad_files``, which workers and
    main process share. An error of the storage is waited for instead; see :class:`~.storage.ReadingPolicy`.

    Subclasses define ``load(index)``, and ``label(index)``, ``name(index)``, ``probe(index)`` and ``__len__`` if the
    defaults do not fit.

    Raises:
        UsageError: No sample of the whole dataset is readable.
        RunFailed: More files than the policy allows are unreadable, or the storage stays away.
    """

    def __init__(self, length: int, transforms: Sequence[dict | Callable] = ()) -> None:
        self.transforms = [build_transform(t) for t in transforms]
        self.reduction = reduction_of(self.transforms)
        self.to_tensor = ToUint8Tensor()
        self.torch_only = all(map(draws_from_torch, self.transforms))
        self._is_bad = torch.zeros(length, dtype=torch.bool).share_memory_()
        self._num_named = 0
        self.prepare_reading()

    @abstractmethod
    def load(self, index: int) -> Image.Image | Tensor:
        """Return the decoded image, of Pillow or uint8 ``(C, H, W)``, or raise whatever the decoder raises.

        JPEG files may be decoded to a smaller size, as ``reduction`` says.
        """

    def label(self, index: int) -> int:
        """Return the label of a sample, -1 if it is unknown."""
        return -1

    def probe(self, index: int) -> None:
        self.load(index)

    def fingerprint(self) -> str | None:
        """Return a text that changes whenever a sample before its transforms does, or None if that is unknown."""
        return None

    def __len__(self) -> int:
        return len(self._is_bad)

    def __getitem__(self, key: SampleKey | int) -> dict[str, Tensor | int]:
        seed, epoch, wanted = SampleKey.of(key)
        if not 0 <= wanted < len(self):
            raise IndexError(f"index: expected 0..{len(self) - 1}, got {wanted}")
        index, loaded = self._load_readable(seed, epoch, wanted)
        image: Any = to_tensor(loaded)
        with seeded_sample(seed, epoch, wanted, self.torch_only):
            for transform in self.transforms:
                image = transform(image)
        views = image if isinstance(image, dict) else dict(inputs=image)
        tensors = {name: self.to_tensor(view) for name, view in views.items()}
        return dict(tensors, labels=self.label(index), indices=index)

    @property
    def bad_files(self) -> list[str]:
        """Return the files that this dataset, in any of its worker processes, failed to read."""
        return [self.name(i) for i in self._is_bad.nonzero().flatten().tolist()]

    def _load_readable(self, seed: int, epoch: int, wanted: int) -> tuple[int, Image.Image | Tensor]:
        """Return the wanted sample, or the first readable one of a stream of samples drawn for this key."""
        drawn = (derive_seed(seed, epoch, wanted, draw) % len(self) for draw in range(MAX_DRAWS))
        for index in chain([wanted], drawn, range(len(self))):
            if self._is_bad.numpy()[index]:
                continue
            try:
                return index, self.load_patiently(index, partial(self.load, index))
            except RunFailed:
                raise
            except Exception as error:  # decoders raise anything on broken data
                self._mark(index, error)
        raise UsageError(
            f"none of the {len(self)} images is readable, e.g. {self.name(wanted)}; see the warnings above"
        )

    def _mark(self, index: int, error: Exception) -> None:
        self._is_bad[index] = True
        self._warn(index, error)
        bad = int(self._is_bad.sum())
        if self.policy.list_file is not None:
            with suppress(OSError):  # the list is written again after each epoch
                append_line(self.policy.list_file, self.name(index))
        if self.policy.is_exceeded(bad, len(self)):
            where = f"; {self.policy.list_file} lists them" if self.policy.list_file is not None else ""
            raise TooManyBadFiles(
                f"{bad} of {len(self)} images cannot be read, which is more than max_bad_share="
                f"{self.policy.max_bad_share:g}, e.g. {', '.join(self.bad_files[:5])}{where}; mend or remove them, or "
                "allow more with default_hooks.bad_files.max_bad_share"
            )

    def _warn(self, index: int, error: Exception) -> None:
        self._num_named += 1
        if self._num_named <= MAX_WARNINGS:
            text = f"Skipping unreadable image {self.name(index)}: {type(error).__name__}: {error}"
            more = "; further ones are only counted" if self._num_named == MAX_WARNINGS else ""
            print_log(text + more, logger="current", level=logging.WARNING)
