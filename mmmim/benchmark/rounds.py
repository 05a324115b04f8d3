"""Measure several contenders in turns, so that other load on the machine affects all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch.utils.data import DataLoader, Dataset

from mmmim.progress import track


@dataclass
class Timing:
    """The times of one contender, a value for each round.

    Attributes:
        items: What is done in a round: number of images, or 1.
        cpu, wall: Seconds of processor and of the clock.
    """

    items: int
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the median of the CPU seconds for one item."""
        return statistics.median(self.cpu) / self.items

    @property
    def spread(self) -> float:
        """Return the difference of the slowest and the fastest round as a share of the median."""
        return (max(self.cpu) - min(self.cpu)) / statistics.median(self.cpu)

    def as_dict(self) -> dict[str, Any]:
        """Return all figures for a JSON file."""
        return dict(
            items=self.items,
            cpu_s=self.cpu,
            wall_s=self.wall,
            median_ms=1e3 * self.median,
            per_second=1 / self.median,
            spread=self.spread,
        )


def in_turns(names: Sequence[str], rounds: int) -> list[str]:
    """Return whose turn it is, in the opposite order every other round, after one round to warm up."""
    return [name for number in range(rounds + 1) for name in (names if number % 2 == 0 else reversed(names))]


class _Turns(Dataset):
    def __init__(self, contenders: Mapping[str, Callable[[int], Any]], items: int, turns: Sequence[str]) -> None:
        self.contenders, self.items, self.turns = contenders, items, turns

    def __len__(self) -> int:
        return len(self.turns)

    def __getitem__(self, number: int) -> tuple[float, float]:
        work = self.contenders[self.turns[number]]
        wall, cpu = time.perf_counter(), time.process_time()
        for index in range(self.items):
            work(index)
        return time.process_time() - cpu, time.perf_counter() - wall


def measure_in_worker(contenders: Mapping[str, Callable[[int], Any]], items: int, rounds: int) -> dict[str, Timing]:
    """Return the times of contenders in the worker of a dataloader, where samples are made in a training.

    Args:
        contenders: What is called with each index below ``items``, by name.
    """
    turns = in_turns(list(contenders), rounds)
    timings = {name: Timing(items) for name in contenders}
    loader = DataLoader(_Turns(contenders, items, turns), batch_size=None, num_workers=1)
    for number, (cpu, wall) in enumerate(track(loader, "measured", len(turns), "turns")):
        if number >= len(contenders):
            timings[turns[number]].cpu.append(cpu)
            timings[turns[number]].wall.append(wall)
    return timings
