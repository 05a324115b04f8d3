"""Says in one line which worker of a dataloader gives nothing or was killed, and what it was reading."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.runner import Runner

from mmmim.engine.internals import built_dataset
from mmmim.errors import RunFailed

SILENT_MINUTES = 30  # for which a loader may give nothing, unless its own `timeout` says otherwise


@contextmanager
def stuck_workers_named(runner: Runner) -> Iterator[None]:
    """Turn torch's errors about silent and killed workers into a :class:`RunFailed`, and kill the workers.

    A stopped worker would otherwise be waited for at the end of the process.
    """
    try:
        yield
    except RuntimeError as error:
        explained = _explain(str(error), runner)
        if explained is None:
            raise
        for worker in multiprocessing.active_children():
            worker.kill()
        raise RunFailed(explained) from None


def _explain(text: str, runner: Runner) -> str | None:
    if timed_out := re.search(r"DataLoader timed out after (\d+) seconds", text):
        return (
            f"a dataloader gave nothing for {int(timed_out[1]) / 60:g} minutes; {_present_samples(runner)}. If the "
            "storage is only slow, set train_dataloader.timeout (seconds); start again with --resume"
        )
    if killed := re.search(r"DataLoader worker \(pid\(?s?\)? ([\d, ]+)\) (?:is killed by signal: |exited )(.*)", text):
        return (
            f"worker process {killed[1].strip()} of a dataloader ended: {killed[2].partition('. ')[0].strip(' .')}; "
            f"{_present_samples(runner)}. The system kills workers when memory is short: use fewer with "
            "train_dataloader.num_workers; start again with --resume"
        )
    return None


def _present_samples(runner: Runner) -> str:
    """Return what each worker is reading."""
    found = []
    for split in ("train", "val", "test"):
        dataset = built_dataset(runner, split)
        for worker, index in enumerate(getattr(dataset, "reading", [])):
            if int(index) >= 0:
                found.append(f"worker {worker} of {split} reads {dataset.name(int(index))}")
    return ", ".join(found[:8]) or "no worker reads a file at the moment"
