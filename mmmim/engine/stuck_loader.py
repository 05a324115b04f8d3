"""Says in one line which worker of a dataloader gives nothing or was killed, and what it was reading."""

from __future__ import annotations

import multiprocessing
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from mmengine.runner import Runner

from mmmim.engine.internals import built_loader
from mmmim.errors import RunFailed

SILENT_MINUTES = 30  # for which a loader may give nothing, unless its own `timeout` says otherwise
LOADER_FILE, NEXT = "torch/utils/data/dataloader.py", "_next_data"
SPLITS = ("train", "val", "test")


@contextmanager
def stuck_workers_named(runner: Runner) -> Iterator[None]:
    """Turn torch's errors about silent and killed workers into a :class:`RunFailed`, and kill the workers.

    A loader's own ``timeout`` does not see a worker that stopped after it announced a batch; a thread does, some
    seconds later. A stopped worker would otherwise be waited for at the end of the process as well.
    """
    watch = _LoaderWatch(runner)
    watch.start()
    try:
        yield
    except (RuntimeError, EOFError, OSError) as error:
        explained = watch.report or explain(str(error), runner)
        if explained is None or isinstance(error, RunFailed):
            raise
        _kill_workers()
        raise RunFailed(explained) from None
    finally:
        watch.ended.set()


class _LoaderWatch(threading.Thread):
    """A thread that kills the workers when the main thread has waited too long for one batch."""

    def __init__(self, runner: Runner) -> None:
        super().__init__(name="loader watch", daemon=True)
        self.runner, self.ended = runner, threading.Event()
        self.report: str | None = None

    def run(self) -> None:
        pending: FrameType | None = None
        since = time.monotonic()
        while not self.ended.wait(2.0):
            frame = _pending_call()
            if frame is None or frame is not pending:
                pending, since = frame, time.monotonic()
                continue
            waited = time.monotonic() - since
            limit = max((loader.timeout for loader in _loaders(self.runner).values()), default=0)
            if limit and waited > 1.2 * limit + 5:
                self.report = _silence(waited / 60, self.runner)
                _kill_workers()  # so that the main thread gets an error instead of waiting
                return


def _pending_call() -> FrameType | None:
    """Return the frame in which the main thread waits for a batch; it is the same object as long as it waits."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_code.co_name == NEXT and frame.f_code.co_filename.endswith(LOADER_FILE):
            return frame
        frame = frame.f_back
    return None


def explain(text: str, runner: Runner) -> str | None:
    """Return what an error of a dataloader means and what to do, or None for an error of another kind."""
    if timed_out := re.search(r"DataLoader timed out after (\d+) seconds", text):
        return _silence(int(timed_out[1]) / 60, runner)
    if ended := re.search(r"DataLoader worker \(pid\(?s?\)? ([\d, ]+)\) (?:is killed by signal: ([^.]+)|exited)", text):
        how = f": {ended[2].strip()}" if ended[2] else " unexpectedly"
        return (
            f"worker process {ended[1].strip()} of a dataloader ended{how}; "
            f"{_present_samples(runner)}. The system kills workers when memory is short: use fewer with "
            "train_dataloader.num_workers; start again with --resume"
        )
    return None


def _silence(minutes: float, runner: Runner) -> str:
    return (
        f"a dataloader gave nothing for {minutes:.1f} minutes; {_present_samples(runner)}. If the storage is only "
        "slow, set train_dataloader.timeout (seconds); start again with --resume"
    )


def _present_samples(runner: Runner) -> str:
    """Return what each worker is reading."""
    found = []
    for split, loader in _loaders(runner).items():
        dataset: Any = loader.dataset
        for worker, index in enumerate(getattr(dataset, "reading", [])):
            if int(index) >= 0:
                found.append(f"worker {worker} of {split} reads {dataset.name(int(index))}")
    stopped = [f"{child.name} is stopped" for child in multiprocessing.active_children() if _is_stopped(child.pid)]
    return ", ".join([*stopped, *found][:8]) or "no worker reads a file at the moment"


def _is_stopped(pid: int | None) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False


def _loaders(runner: Runner) -> dict[str, Any]:
    found = {split: built_loader(runner, split) for split in SPLITS}
    return {split: loader for split, loader in found.items() if loader is not None}


def _kill_workers() -> None:
    for worker in multiprocessing.active_children():
        worker.kill()
