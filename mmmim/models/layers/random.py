from __future__ import annotations

from collections.abc import Callable

import torch
from mmengine.dist import get_rank, get_world_size
from torch import Generator, Tensor


def to_device(table: Tensor, device: torch.device | str | None) -> Tensor:
    """Copy a host tensor to the device without waiting for the work queued there."""
    if device is None or torch.device(device).type in ("cpu", "meta"):
        return table if device is None else table.to(device)
    return table.pin_memory().to(device, non_blocking=True)


def global_rand(
    rows: int,
    columns: int,
    generator: Generator | None = None,
    device: torch.device | str | None = None,
    draw: Callable[..., Tensor] = torch.rand,
) -> Tensor:
    """Return noise ``(rows, columns)``, fp32: uniform in [0, 1), or standard normal with ``draw=torch.randn``.

    Without a generator it is drawn on the device from the global stream. With a CPU generator that has the same seed on
    all ranks, each rank draws the table of the *global* batch and keeps its own rows (rank r of W owns rows ``r::W``,
    as the sampler deals samples): a sample's noise depends neither on W nor on the kind of device.
    """
    if generator is None:
        return draw(rows, columns, device=device)
    table = draw(rows * get_world_size(), columns, generator=generator)
    return to_device(table[get_rank() :: get_world_size()], device)


class Noise:
    """A source of random numbers for ``rows`` samples, by :func:`global_rand`."""

    def __init__(self, rows: int, generator: Generator | None = None, device: torch.device | str | None = None) -> None:
        self.rows, self.generator, self.device = rows, generator, device

    def uniform(self, columns: int, on_host: bool = False) -> Tensor:
        """Return ``(rows, columns)`` uniform in [0, 1)."""
        return global_rand(self.rows, columns, self.generator, "cpu" if on_host else self.device)

    def normal(self, columns: int) -> Tensor:
        """Return ``(rows, columns)``, standard normal."""
        return global_rand(self.rows, columns, self.generator, self.device, draw=torch.randn)

    def shared(self, columns: int) -> Tensor:
        """Return ``(columns,)`` uniform in [0, 1), drawn once for the whole batch, the same in all processes."""
        if self.generator is None:
            return torch.rand(columns, device=self.device)
        return to_device(torch.rand(columns, generator=self.generator), self.device)

    def between(self, *ranges: tuple[float, float]) -> list[Tensor]:
        """Return a column ``(rows,)``, uniform in the range, for every ``(low, high)``."""
        columns = self.uniform(len(ranges)).unbind(1)
        return [low + (high - low) * column for column, (low, high) in zip(columns, ranges, strict=True)]

    def choice(self, options: int) -> Tensor:
        """Return ``(rows,)`` ids in 0..options-1."""
        return (self.uniform(1)[:, 0] * options).long()
