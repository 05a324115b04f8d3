from __future__ import annotations

import json
import multiprocessing
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mmmim.launch import processes  # noqa: F401  registers CPUDistributedDataParallel


def run_in_two_processes(function: Callable[[Path, int], Any], folder: Path) -> list:
    """Return what ``function(folder, rank)`` returns in two gloo processes, as JSON, in the order of the ranks."""
    return run_in_processes(2, function, folder)


def run_in_processes(count: int, function: Callable[[Path, int], Any], folder: Path) -> list:
    """Return what ``function(folder, rank)`` returns in ``count`` gloo processes, as JSON, by rank."""
    context = multiprocessing.get_context("forkserver")  # forking this process would copy autograd's threads
    context.set_forkserver_preload(["torch", "mmengine.runner"])
    store = folder / f"store{len(list(folder.glob('store*')))}"  # one of an earlier call would keep this one waiting
    workers = [context.Process(target=_answer, args=(function, folder, rank, count, store)) for rank in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(900)
    answers = [json.loads((folder / f"answer{rank}.json").read_text(encoding="utf-8")) for rank in range(count)]
    assert not any("traceback" in answer for answer in answers if isinstance(answer, dict)), answers
    return answers


def _answer(function: Callable[[Path, int], Any], folder: Path, rank: int, count: int, store: Path) -> None:
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(count), LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=count)
    try:
        answer = function(folder, rank)
    except BaseException:
        answer = dict(traceback=traceback.format_exc())
    (folder / f"answer{rank}.json").write_text(json.dumps(answer), encoding="utf-8")
    os._exit(0)
