"""Copy batches to a CUDA device while it still computes the step before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only


def on_device(batches: Iterable[Any], device: torch.device) -> Iterator[Any]:
    """Yield the batches with their pinned tensors on a CUDA ``device``, copied on a stream of their own.

    The host runs ahead of the device, so the copy is made during the step before; the step's stream waits for it. Other
    tensors, and those for other devices, are left to the data preprocessor.
    """
    if device.type != "cuda":
        yield from batches
        return
    side = torch.cuda.Stream(device)

    def copied(tensor: Tensor) -> Tensor:
        return tensor.to(device, non_blocking=True) if tensor.is_pinned() else tensor

    def used_by_step(tensor: Tensor) -> Tensor:
        if tensor.device.type == "cuda":
            tensor.record_stream(torch.cuda.current_stream(device))  # its memory is not free before the step is over
        return tensor

    for batch in batches:
        with torch.cuda.stream(side):
            batch = tree_map_only(Tensor, copied, batch)
        torch.cuda.current_stream(device).wait_stream(side)
        yield tree_map_only(Tensor, used_by_step, batch)
