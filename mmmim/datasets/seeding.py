"""Make the randomness of a sample a pure function of ``(seed, epoch, index)``."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import get_worker_info

from mmmim.seeding import derive_seed


class SampleKey(NamedTuple):
    """The key that a sampler gives to a dataset: which sample, and everything that its randomness may depend on."""

    seed: int
    epoch: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which keys do not need

    @classmethod
    def of(cls, key: SampleKey | int) -> SampleKey:
        """Return the key itself, or for a plain integer, as a dataset without sampler gets it, seed 0 and epoch 0."""
        return key if isinstance(key, SampleKey) else cls(0, 0, int(key))


@contextmanager
def seeded_sample(seed: int, epoch: int, index: int, torch_only: bool = False) -> Iterator[None]:
    """Seed ``random``, numpy's global state and torch's CPU generator, and restore the previous states on exit.

    Library transforms draw from these three, so inside they are pure functions of the arguments. CUDA generators are
    not changed. numpy receives the two halves of the 64-bit seed; torch's Mersenne Twister uses its lower half.
    A worker of a dataloader has no other use for the generators, so there the old states are not restored, which saves
    most of the time.

    Args:
        torch_only: Seed torch's generator alone, for code that draws from no other.
    """
    value = derive_seed(seed, epoch, index)
    in_worker = get_worker_info() is not None
    if torch_only:
        state = None if in_worker else torch.default_generator.get_state()
        torch.default_generator.manual_seed(value)
        try:
            yield
        finally:
            if state is not None:
                torch.default_generator.set_state(state)
        return
    if in_worker:
        _seed_all(value)
        yield
        return
    states = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    _seed_all(value)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.default_generator.set_state(states[2])


def _seed_all(value: int) -> None:
    random.seed(value)
    np.random.seed((value & 0xFFFFFFFF, value >> 32))
    torch.default_generator.manual_seed(value)
