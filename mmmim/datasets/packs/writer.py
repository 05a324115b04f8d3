"""Write a pack, shard by shard, in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmmim.checkpoint.files import atomic_write
from mmmim.datasets.image_files import ImageFiles
from mmmim.datasets.sources import ImageSource, open_source
from mmmim.datasets.sources.index import store_index
from mmmim.datasets.sources.pack import INDEX_FILE, index_stamp
from mmmim.errors import RunFailed, UsageError

from .plan import Plan, write_facts
from .settings import PackSettings
from .shards import UNREADABLE_FILE, index_shards, is_whole, write_shard

SECONDS_BETWEEN_REPORTS = 0.2
SECONDS_BETWEEN_LOOKS = 0.5  # of a worker at its parent
Progress = Callable[[int], None]  # is called with the number of images that are done


class Stopped(Exception):
    """The main process asked a worker to stop."""


@dataclass(frozen=True)
class PackReport:
    """What was packed.

    Attributes:
        images: Number of images in the pack.
        shards: Number of its files.
        size: Bytes of its files.
        unreadable: Reasons by name of the images that could not be read.
        was_complete: Whether nothing was left to do.
    """

    images: int
    shards: int
    size: int
    unreadable: dict[str, str]
    was_complete: bool


def write_pack(
    source: ImageSource, folder: Path, settings: PackSettings, workers: int, progress: Progress = lambda done: None
) -> PackReport:
    """Pack the images of ``source`` into ``folder``; shards that a stopped run finished are kept.

    Raises:
        UsageError: The folder holds something else, or a pack of other images or settings.
        RunFailed: The storage stays away, no image is readable, or a worker was killed.
        OSError: The pack cannot be written.
    """
    _check_kinds(source, settings)
    plan = Plan(source, folder, settings)
    before = plan.begin()
    _remove_leftovers(folder)
    sizes = {shard["file"]: shard["bytes"] for shard in before["shards"]}
    missing = [shard for shard in range(plan.num_shards) if not _is_done(plan.path(shard), sizes)]
    if before["complete"] and not missing and _opens(folder):
        return _report(plan, before, was_complete=True)
    write_facts(folder, dict(before, complete=False))
    progress(len(source) - sum(len(plan.ids(shard)) for shard in missing))
    _write_shards(plan, missing, workers, progress)
    return _report(plan, _finish(plan, before), was_complete=False)


def _check_kinds(source: ImageSource, settings: PackSettings) -> None:
    """Refuse images of an unknown range or another number of channels before anything is written, as training does."""
    try:
        ImageFiles(source, np.full(len(source), -1), (), (), settings.channels, settings.value_range)
    except UsageError as error:
        raise UsageError(f"{error} (here with --channels N and --value-range LOW HIGH)") from None


def _write_shards(plan: Plan, shards: Sequence[int], workers: int, progress: Progress) -> None:
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
    count_of_all, stop = multiprocessing.Value("q", done), multiprocessing.Event()
    shared = plan, count_of_all, stop, os.getpid()
    with ProcessPoolExecutor(workers, initializer=_begin_worker, initargs=shared) as pool:
        running = {pool.submit(_work, shard) for shard in shards}
        try:
            while running:
                ended, running = wait(running, SECONDS_BETWEEN_REPORTS, FIRST_EXCEPTION)
                progress(count_of_all.value)
                for future in ended:
                    future.result()
        except BrokenProcessPool:
            raise RunFailed(
                "a worker process was killed, perhaps because memory ran out; what is finished stays: run the same "
                "command again, with fewer --workers"
            ) from None
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


_of_worker: dict[str, Any] = {}


def _begin_worker(plan: Plan, count: Any, stop: Any, parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process gets it too, and stops the workers
    torch.set_num_threads(1)
    _of_worker.update(plan=plan, count=count, stop=stop)


def _end_with(parent: int) -> None:
    """End this process when its parent was killed; it would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _work(shard: int) -> None:
    def after_image() -> None:
        if _of_worker["stop"].is_set():
            raise Stopped
        with _of_worker["count"].get_lock():
            _of_worker["count"].value += 1

    write_shard(_of_worker["plan"], shard, after_image)


def _finish(plan: Plan, facts: dict[str, Any]) -> dict[str, Any]:
    shards = [plan.path(shard).name for shard in range(plan.num_shards)]
    index = index_shards(plan.folder, shards, plan.source.classes)
    unreadable = _unreadable(plan.folder)
    packed = set(index.names)
    planned = {plan.name(i) for i in range(len(plan.source))}
    if lost := planned - packed - set(unreadable):
        raise RunFailed(
            f"{plan.folder}: {len(lost)} images are neither packed nor listed as unreadable, e.g. {lost.pop()}"
        )
    left = {name: reason for name, reason in unreadable.items() if name in planned - packed}
    _list_unreadable(plan.folder, left)
    if not packed:
        raise UsageError(
            f"none of the {len(planned):,} images is readable; {plan.folder / UNREADABLE_FILE} says why of each"
        )
    facts = dict(facts, complete=True, shards=[dict(file=s, bytes=os.path.getsize(plan.folder / s)) for s in shards])
    with atomic_write(plan.folder / INDEX_FILE) as file:
        store_index(file, index, index_stamp(facts))
    write_facts(plan.folder, dict(facts, packed=len(packed)))
    return dict(facts, packed=len(packed))


def _report(plan: Plan, facts: dict[str, Any], was_complete: bool) -> PackReport:
    size = sum(shard["bytes"] for shard in facts["shards"])
    return PackReport(facts["packed"], len(facts["shards"]), size, _unreadable(plan.folder), was_complete)


def _is_done(shard: Path, sizes: dict[str, int]) -> bool:
    return is_whole(shard) and sizes.get(shard.name, shard.stat().st_size) == shard.stat().st_size


def _opens(folder: Path) -> bool:
    try:
        open_source(str(folder))
    except UsageError:
        return False
    return True


def _unreadable(folder: Path) -> dict[str, str]:
    path = folder / UNREADABLE_FILE
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def _list_unreadable(folder: Path, unreadable: dict[str, str]) -> None:
    path = folder / UNREADABLE_FILE
    if not unreadable:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as file:
        file.write("".join(f"{name}\t{reason}\n" for name, reason in sorted(unreadable.items())).encode())


def _remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of a run that was killed."""
    for temporary in folder.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)
