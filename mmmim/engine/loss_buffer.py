from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from mmengine.dist import all_reduce
from torch import Tensor


class StepLosses(NamedTuple):
    """The losses of one step, by name."""

    iteration: int
    values: dict[str, float]


class LossBuffer:
    """The losses of the steps since the last ``drain``, kept on the device.

    Reading them costs one copy to the host per drain, whereas MMEngine calls ``.item()`` for each loss in each step,
    which makes the host wait for the device every step.
    """

    def __init__(self) -> None:
        self._iterations: list[int] = []
        self._names: list[tuple[str, ...]] = []
        self._rows: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, iteration: int, losses: Mapping[str, Tensor | float]) -> None:
        """Add the ``losses`` that ``train_step`` returns: scalars by name, all on one device or on the host."""
        tensors = [torch.as_tensor(value).detach().reshape(()) for value in losses.values()]
        tensors = [tensor.to(torch.promote_types(tensor.dtype, torch.float32)) for tensor in tensors]
        device = next((tensor.device for tensor in tensors if tensor.device.type != "cpu"), torch.device("cpu"))
        self._rows.append(torch.stack([tensor.to(device, non_blocking=True) for tensor in tensors]))
        self._names.append(tuple(losses))
        self._iterations.append(iteration)

    def drain(self, average_ranks: bool = False) -> list[StepLosses]:
        """Return the losses and empty the buffer; with ``average_ranks`` every rank has to call it at the same step."""
        if not self._rows:
            return []
        table = torch.cat(self._rows)  # (steps * losses)
        if average_ranks:
            all_reduce(table, op="mean")
        flat = iter(table.tolist())
        steps = [
            StepLosses(iteration, {name: next(flat) for name in names})
            for iteration, names in zip(self._iterations, self._names, strict=True)
        ]
        self.__init__()  # type: ignore[misc]
        return steps
