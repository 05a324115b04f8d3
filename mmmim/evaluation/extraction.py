"""Features of a whole dataset by frozen encoders, over all usable cores."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, default_collate

from mmmim.launch.cores import available_cores
from mmmim.progress import track

from .features import EncodedBatch, Features, collect_features, encode

IMAGES_PER_WORKER = 256  # fewer images are done before another worker has started
CPU_BATCH, DEVICE_BATCH = 32, 256  # on a CPU the activations of a small batch stay in its cache
LARGEST_KEPT = 32 * 2**20 - 2**16
Row = tuple[np.ndarray, ...]


@dataclass
class FrozenEncoders:
    """Encoders that read the same images, on one device.

    They must be used for nothing else: buffers that a module makes while it runs are ones of inference mode.

    Args:
        amp: Run in bfloat16 where autocast does so.
    """

    encoders: Sequence[nn.Module]
    preprocessor: nn.Module
    pool: str
    device: torch.device
    amp: bool = False

    def __post_init__(self) -> None:
        for each in self.encoders:
            each.to(self.device).eval()

    def __call__(self, batch: dict) -> list[EncodedBatch]:
        """Return the features of a batch by each encoder."""
        precision = torch.autocast(self.device.type, torch.bfloat16) if self.amp else nullcontext()
        with torch.inference_mode(), precision:
            return [encode(each, batch, self.preprocessor, self.pool) for each in self.encoders]

    def collate(self, samples: list[dict]) -> list[Row]:
        """Return the features of samples as arrays, which a worker sends without holding an open file for each."""
        return [tuple(column.numpy() for column in encoded) for encoded in self(default_collate(samples))]


def extract_all(
    encoders: FrozenEncoders,
    dataset: Dataset,
    what: str,
    batch_size: int | None = None,
    num_workers: int | None = None,
) -> list[Features]:
    """Return the features of every image by each encoder, and show the progress.

    On a CPU each worker reads and encodes batches of its own with one thread, so that all cores are busy and none
    waits for another. For other devices the workers only read.

    Args:
        what: Names the images in the progress, such as ``training images``.
        batch_size: Default: 32 on a CPU, otherwise 256.
        num_workers: Default: as many as usable cores, and none for a few images.
    """
    length = len(dataset)  # type: ignore[arg-type]
    on_host = encoders.device.type == "cpu"
    loader: DataLoader = DataLoader(
        dataset,
        batch_size or (CPU_BATCH if on_host else DEVICE_BATCH),
        num_workers=default_workers(length) if num_workers is None else num_workers,
        collate_fn=encoders.collate if on_host else None,
        pin_memory=not on_host,
        worker_init_fn=_leave_interrupts_to_main,
    )
    if on_host:
        _keep_freed_memory()
    batches = _arrays_to_tensors(loader) if on_host else map(encoders, loader)
    shown = track(batches, f"features of the {what}", length, size=lambda encoded: len(encoded[0].indices))
    columns = zip(*shown, strict=True)
    return [collect_features(column) for column in columns] or [collect_features([])]


def default_workers(num_images: int) -> int:
    """Return the number of workers for a dataset of this length: up to one for each usable core."""
    cores = available_cores()
    return min(cores, num_images // IMAGES_PER_WORKER) if cores > 1 else 0


def _arrays_to_tensors(loader: DataLoader) -> Iterator[list[EncodedBatch]]:
    for rows in loader:
        yield [EncodedBatch(*map(torch.from_numpy, row)) for row in rows]


def _keep_freed_memory() -> None:
    """Let the C library reuse the memory of activations instead of returning it to the system after each operation.

    Freeing a block raises glibc's thresholds to the size of this block, 32 MiB at most (``man mallopt``). Otherwise up
    to a fifth of the time of a small encoder is spent on pages that the system clears again and again.
    """
    torch.empty(LARGEST_KEPT, dtype=torch.uint8)


def _leave_interrupts_to_main(worker: Any) -> None:
    """Let Ctrl-C reach the main process alone, which then ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
