from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from multiprocessing import RawValue
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.logging import print_log
from torch.utils.data import DataLoader

from mmmim.errors import UsageError

EXIT_CODE = os.EX_TEMPFAIL  # 75: the run is not finished and should be started again
INTERRUPTED = 128 + signal.SIGINT  # as shells say it


class StopSignal:
    """Handles the signals by which a process is asked to stop, and lets all ranks stop after the same step.

    Args:
        names: Names of the signals to obey, such as ``SIGTERM``.
        interval: With several processes, the number of steps between two exchanges of whether to stop.
    """

    def __init__(self, names: Sequence[str], interval: int) -> None:
        unknown = [name for name in names if not hasattr(signal, name)]
        if unknown:
            raise UsageError(f"signals: expected names such as 'SIGTERM', got {unknown}")
        if interval < 1:
            raise UsageError(f"signal_interval: expected a number of steps >= 1, got {interval}")
        self.numbers = [signal.Signals[name] for name in names]
        self.interval = interval
        self.received: str | None = None
        self._agreed = False
        self._previous: dict[signal.Signals, Any] = {}

    def install(self, dataloader: DataLoader) -> None:
        """Handle the signals, also in the workers: schedulers signal whole groups, but training needs its data."""
        if threading.current_thread() is not threading.main_thread():
            print_log("training does not run in the main thread: stop signals are not handled", logger="current")
            return
        for number in self.numbers:
            self._previous[number] = signal.signal(number, self._remember)
        if self.numbers and dataloader.num_workers:
            ending = RawValue("b", False)
            atexit.register(setattr, ending, "value", True)  # runs before multiprocessing ends the workers and waits
            dataloader.worker_init_fn = partial(_shield_worker, self.numbers, ending, dataloader.worker_init_fn)

    def restore(self) -> None:
        """Restore the signal handlers that were there before."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def poll(self, iteration: int, wants_save: bool = False) -> tuple[bool, bool]:
        """Return whether to stop and whether to save; several processes agree on both every ``interval`` steps.

        Args:
            wants_save: Whether this process finds that it is time to save.
        """
        if get_world_size() == 1:
            return self.received is not None, wants_save
        stops, saves = self._agreed, False
        if not stops and iteration % self.interval == self.interval - 1:
            asked = torch.tensor([float(self.received is not None), float(wants_save)])
            all_reduce(asked, op="max")
            stops, saves = map(bool, asked.tolist())
            self._agreed = stops
        return stops, saves

    @property
    def exit_code(self) -> int:
        """Return the status of a run that was stopped: 130 after Ctrl-C, else 75."""
        return INTERRUPTED if self.received == "SIGINT" else EXIT_CODE

    def _remember(self, number: int, frame: Any) -> None:
        self.received = signal.Signals(number).name
        # torchrun passes on the signal that its processes receive from the terminal as well
        if number == signal.SIGINT and "TORCHELASTIC_RUN_ID" not in os.environ:
            signal.signal(number, signal.default_int_handler)
            sys.stderr.write("\nsaving after this step; press Ctrl-C again to end at once\n")


def _shield_worker(numbers: Sequence[signal.Signals], ending: Any, inner: Any, worker_id: int) -> None:
    """Ignore the signals until the main process is ``ending``."""

    def handle(number: int, frame: Any) -> None:
        if ending.value:
            os._exit(0)

    for number in numbers:
        signal.signal(number, handle)
    if inner is not None:
        inner(worker_id)
