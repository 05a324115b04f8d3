"""The device that an evaluation runs on."""

from __future__ import annotations

import torch

from mmmim.errors import UsageError


def usable_device(device: str | torch.device | None = None) -> torch.device:
    """Return a device that can be used: the named one, or by default ``cuda`` where there is one, otherwise ``cpu``.

    Raises:
        UsageError: There is no such device on this machine.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        there = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise UsageError(
            f"device={str(device)!r} cannot be used here ({reason:.80}); choose one of {', '.join(['cpu', *there])}"
        ) from None
    return found
