"""Write the shards of a pack in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_bool, c_int64
from typing import Any

import torch

from mmmim.errors import RunFailed

from .plan import Plan
from .shards import write_shard

SECONDS_BETWEEN_REPORTS = 0.2
SECONDS_BETWEEN_LOOKS = 0.5  # of a worker at its parent
Progress = Callable[[int], None]


class Stopped(Exception):
    """The main process asked a worker to stop."""


def write_shards(plan: Plan, shards: Sequence[int], workers: int, progress: Progress) -> None:
    """Write shards of a pack, each in one of ``workers`` processes; what is written when one fails stays.

    Args:
        progress: Is called with the number of images of the pack that are done.

    Raises:
        RunFailed: The storage of the source stays away, or a worker was killed.
        OSError: A shard cannot be written.
    """
    done = len(plan.source) - sum(len(plan.ids(shard)) for shard in shards)
    if min(workers, len(shards)) <= 1:
        count = done

        def after_image() -> None:
            nonlocal count
            count += 1
            progress(count)

        for shard in shards:
            write_shard(plan, shard, after_image)
        return
    # without locks: a worker that is killed while it holds one would block all others
    counts, stop = multiprocessing.RawArray(c_int64, max(shards) + 1), multiprocessing.RawValue(c_bool, False)
    shared = plan, counts, stop, os.getpid()
    with ProcessPoolExecutor(workers, initializer=_begin_worker, initargs=shared) as pool:
        running = {pool.submit(_work, shard) for shard in shards}
        try:
            while running:
                ended, running = wait(running, SECONDS_BETWEEN_REPORTS, FIRST_EXCEPTION)
                progress(done + sum(counts))
                for future in ended:
                    future.result()
        except BrokenProcessPool:
            raise RunFailed(
                "a worker process was killed, perhaps because memory ran out; what is finished stays: run the same "
                "command again, with fewer --workers"
            ) from None
        finally:
            stop.value = True
            pool.shutdown(wait=True, cancel_futures=True)


_of_worker: dict[str, Any] = {}


def _begin_worker(plan: Plan, counts: Any, stop: Any, parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process gets it too, and stops the workers
    torch.set_num_threads(1)
    _of_worker.update(plan=plan, counts=counts, stop=stop)


def _end_with(parent: int) -> None:
    """End this process when its parent was killed; it would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _work(shard: int) -> None:
    def after_image() -> None:
        if _of_worker["stop"].value:
            raise Stopped
        _of_worker["counts"][shard] += 1

    write_shard(_of_worker["plan"], shard, after_image)
