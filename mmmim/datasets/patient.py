from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from .storage import ReadingPolicy, is_storage_error, read_patiently

T = TypeVar("T")
MAX_WORKERS = 256  # of one process, whose present sample is known


class PatientReader(ABC):
    """A base of datasets that wait for the storage, and let the main process see what each worker reads.

    A subclass defines ``name(index)`` for messages, ``probe(index)``, which raises an error if the storage does not
    give the sample at the moment, and ``__len__``.

    Attributes:
        policy: How long outages are waited for, and how many unreadable files stop the run.
        reading: The sample that each worker reads at the moment, -1 for none; shared with the main process.
    """

    policy: ReadingPolicy
    reading: Tensor

    def prepare_reading(self) -> None:
        """Create the attributes."""
        self.policy = ReadingPolicy()
        self.reading = torch.full((MAX_WORKERS,), -1).share_memory_()

    def name(self, index: int) -> str:
        """Return the name of a sample for messages, such as its path."""
        return str(index)

    @abstractmethod
    def probe(self, index: int) -> None:
        """Raise an error if the storage does not give the sample at the moment."""

    @abstractmethod
    def __len__(self) -> int: ...

    def load_patiently(self, index: int, load: Callable[[], T]) -> T:
        """Return what ``load`` returns, waiting for the storage as the policy says.

        Raises:
            OSError: The storage does not give this sample, but its neighbours.
            StorageOutage: It gives none of them, for longer than the policy allows.
        """
        worker = get_worker_info()
        place = 0 if worker is None else worker.id % MAX_WORKERS
        reading = self.reading.numpy()  # which sets a number in less time than torch
        reading[place] = index
        try:
            return read_patiently(
                load, lambda: self.name(index), lambda: self._readable_neighbours(index), self.policy.outage_minutes
            )
        finally:
            reading[place] = -1

    def _readable_neighbours(self, index: int) -> tuple[int, int]:
        near = [other for other in range(index - 4, index + 5) if 0 <= other < len(self) and other != index]
        return sum(map(self._answers, near)), len(near)

    def _answers(self, index: int) -> bool:
        try:
            self.probe(index)
        except Exception as error:  # what cannot be decoded was read
            return not is_storage_error(error)
        return True
