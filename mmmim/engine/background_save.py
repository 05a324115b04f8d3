"""Writes a checkpoint while training goes on: the step waits for a copy in host memory, not for the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from mmmim.checkpoint.files import atomic_write


def snapshot(content: Any) -> Any:
    """Return ``content`` with its tensors copied to host memory; tensors that share memory share their copies too."""
    copies: dict[int, torch.UntypedStorage] = {}

    def copy(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        storage = value.untyped_storage()
        if storage.data_ptr() not in copies:
            copies[storage.data_ptr()] = storage.cpu() if value.is_cuda else storage.clone()
        whole = torch.empty(0, dtype=value.dtype).set_(  # type: ignore[call-overload]
            copies[storage.data_ptr()], value.storage_offset(), value.shape, value.stride()
        )
        return torch.nn.Parameter(whole, value.requires_grad) if isinstance(value, torch.nn.Parameter) else whole

    with torch.no_grad():
        return tree_map(copy, content)


def _error_of_the_disk(error: BaseException) -> OSError:
    """Return the OSError from which an error arose, or one with its message."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, OSError):
        found = found.__cause__ or found.__context__
    return found or OSError(f"{type(error).__name__}: {error}")


class BackgroundWriter:
    """A thread that writes one file at a time; the process does not end before it has finished."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None

    @property
    def is_busy(self) -> bool:
        """Return whether a file is being written."""
        return self._thread is not None and self._thread.is_alive()

    def write(self, content: Any, path: Path, then: Callable[[], None]) -> None:
        """Begin to write a :func:`snapshot`, and call ``then`` when the file is complete and on the disk."""
        self.wait()

        def run() -> None:
            try:
                with atomic_write(path) as file:
                    torch.save(content, file)
                then()
            except Exception as error:  # torch raises another error where a write of its file object failed
                self._error = _error_of_the_disk(error)

        self._thread = threading.Thread(target=run, name="checkpoint writer")
        self._thread.start()

    def wait(self) -> None:
        """Wait until the file is written."""
        if self._thread is not None:
            self._thread.join()

    def error(self) -> OSError | None:
        """Return the error of the last write, once."""
        error, self._error = self._error, None
        return error
