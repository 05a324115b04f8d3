from __future__ import annotations

import math
from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmmim.errors import UsageError
from mmmim.registry import DATA_SAMPLERS
from mmmim.seeding import derive_seed

from .seeding import SampleKey


class _SeededSampler(Sampler[SampleKey]):
    def __init__(self, dataset: Sized, shuffle: bool, seed: int | None) -> None:
        if len(dataset) == 0:
            raise UsageError(f"dataset: {type(dataset).__name__} has no samples")
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.start = 0

    def permutation(self, epoch: int) -> np.ndarray:
        """Return the order of the whole dataset in ``epoch``, the same on every rank."""
        indices = np.arange(len(self.dataset))
        if self.shuffle:
            np.random.Generator(np.random.PCG64(derive_seed(self.seed, epoch))).shuffle(indices)
        return indices

    def set_start(self, num_consumed: int) -> None:
        """Leave out the first ``num_consumed`` samples of this rank, to resume exactly in the middle of a stream."""
        if num_consumed < 0:
            raise UsageError(f"num_consumed: expected a count of samples >= 0, got {num_consumed}")
        self.start = num_consumed


@DATA_SAMPLERS.register_module()
class EpochSampler(_SeededSampler):
    """A sampler of one epoch, in which rank r of W takes positions ``r::W`` of the epoch's permutation.

    So step t of W processes with b samples each gets the same samples as step t of one process with ``W*b``, and row
    j of rank r is row ``j*W + r`` of the global batch. For evaluation use ``shuffle=False``.

    Args:
        round_up: Repeat samples from the start of the permutation until every rank has the same number. Without it the
            last ranks may have one sample fewer.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None, round_up: bool = True) -> None:
        super().__init__(dataset, shuffle, seed)
        self.round_up = round_up
        self.epoch = 0

    def __len__(self) -> int:
        """Return the number of samples of this rank in a whole epoch; ``set_start`` does not change it."""
        size = len(self.dataset) if self.round_up else len(self.dataset) - self.rank
        return math.ceil(size / self.world_size)

    def __iter__(self) -> Iterator[SampleKey]:
        order = np.resize(self.permutation(self.epoch), self.rank + (len(self) - 1) * self.world_size + 1)
        epoch = self.epoch
        for index in order[self.rank :: self.world_size][self.start :]:
            yield SampleKey(self.seed, epoch, int(index))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch and begin it at its first sample."""
        self.epoch = epoch
        self.start = 0

    def set_start(self, num_consumed: int) -> None:
        if num_consumed > len(self):
            raise UsageError(f"num_consumed: rank {self.rank} has {len(self)} samples an epoch, got {num_consumed}")
        super().set_start(num_consumed)


@DATA_SAMPLERS.register_module()
class InfiniteEpochSampler(_SeededSampler):
    """An endless sampler for iteration-based training, with the permutations of the epochs one after the other.

    Rank r of W takes positions ``r::W`` of that endless stream; a batch may span two epochs, and no sample is repeated
    to fill it up. MMEngine's ``IterBasedTrainLoop`` resumes through ``skip``.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None) -> None:
        super().__init__(dataset, shuffle, seed)

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[SampleKey]:
        size = len(self.dataset)
        position = self.rank + self.start * self.world_size
        while True:
            epoch, offset = divmod(position, size)
            for index in self.permutation(epoch)[offset :: self.world_size]:
                yield SampleKey(self.seed, epoch, int(index))
                position += self.world_size

    def skip(self, num_samples: int) -> None:
        """Leave out the first samples, as ``set_start`` does, counted from the start of training; MMEngine calls it."""
        self.set_start(num_samples)

    def set_epoch(self, epoch: int) -> None:
        """Do nothing, because the stream has its own epochs."""
