from __future__ import annotations

import math
from collections.abc import Iterator, Sized

from mmmim.errors import UsageError
from mmmim.registry import DATA_SAMPLERS
from mmmim.seeding import derive_seed

from .samplers import EpochSampler
from .seeding import SampleKey


@DATA_SAMPLERS.register_module()
class RepeatedAugSampler(EpochSampler):
    """Repeated augmentation (`Hoffer et al., 2020`), as in DeiT and "ResNet strikes back".

    Each image is used several times in a row, on neighbouring processes, each time with another augmentation. The
    images of the epoch's permutation are repeated; rank r of W takes positions ``r::W`` and stops after
    ``num_selected``. So an epoch is as long as without repeats and shows one ``num_repeats``-th of the images. The
    selection is that of timm's ``RepeatAugSampler``.

    A sample is a function of its ``SampleKey`` (seed, epoch, index), so repeat k > 0 has a seed of its own, derived
    from the sampler's; repeat 0 is the sample of ``EpochSampler``.

    Args:
        num_repeats: Number of repeats of an image, 3 in DeiT and RSB.
        selected_round: The number of images in an epoch is rounded down to a multiple of this, if there are enough.
    """

    def __init__(
        self,
        dataset: Sized,
        num_repeats: int = 3,
        shuffle: bool = True,
        seed: int | None = None,
        selected_round: int = 256,
    ) -> None:
        super().__init__(dataset, shuffle, seed)
        if num_repeats < 1:
            raise UsageError(f"num_repeats={num_repeats} must be at least 1; DeiT takes 3")
        if selected_round < 1:
            raise UsageError(f"selected_round={selected_round} must be at least 1 (no rounding)")
        self.num_repeats = num_repeats
        size = len(dataset)
        if size >= selected_round:
            selected = size // selected_round * selected_round // self.world_size
        else:
            selected = math.ceil(size / self.world_size)
        self.num_selected = selected
        if selected == 0:
            raise UsageError(f"dataset: {size} samples are too few for {self.world_size} processes")

    def __len__(self) -> int:
        return self.num_selected

    def __iter__(self) -> Iterator[SampleKey]:
        order, epoch = self.permutation(self.epoch), self.epoch
        # A shifted seed has 63 bits, so that it fits a signed number.
        seeds = [self.seed, *(derive_seed(self.seed, k) >> 1 for k in range(1, self.num_repeats))]
        for place in range(self.start, self.num_selected):
            position, repeat = divmod(self.rank + place * self.world_size, self.num_repeats)
            yield SampleKey(seeds[repeat], epoch, int(order[position % len(order)]))
