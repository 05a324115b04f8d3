"""A process that hangs is named with its line of code, and one that is stopped by its silence."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from mmmim.engine.watchdog import Watchdog

SECONDS, BEAT = 1.5, 0.2


def trains(folder: Path, rank: int, what: str, together: Any) -> None:
    """Take some steps, then wait as if for other processes, or hang."""
    os.dup2(os.open(folder / f"err_{rank}", os.O_WRONLY | os.O_CREAT), 2)
    watchdog = Watchdog(folder / "watchdog", rank, 2, SECONDS, BEAT)
    together.wait(900)
    watchdog.start()
    for _ in range(5):
        time.sleep(0.1)
        watchdog.step()
    together.wait(900)
    if what == "waits":
        code = compile("import time; time.sleep(900)", "site-packages/torch/distributed/c10d.py", "exec")
        exec(code, {})
    hangs_here()


def hangs_here() -> None:
    time.sleep(900)


@pytest.fixture
def processes() -> Any:
    started: list[Any] = []
    yield started
    for process in started:
        process.kill()
        process.join()


def started(processes: list[Any], folder: Path, *what: str) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mmmim.engine.watchdog"])
    together = context.Barrier(len(what) + 1)
    for rank, each in enumerate(what):
        processes.append(context.Process(target=trains, args=(folder, rank, each, together)))
        processes[-1].start()
    together.wait(900)
    together.wait(900)


def report(folder: Path, rank: int = 0) -> str:
    deadline = time.monotonic() + 900
    while "no step for" not in (said := (folder / f"err_{rank}").read_text(encoding="utf-8")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return said


@pytest.mark.parametrize("hanging", [0, 1])
def test_the_process_that_hangs_is_named(tmp_path: Path, processes: list[Any], hanging: int) -> None:
    started(processes, tmp_path, *("hangs" if rank == hanging else "waits" for rank in range(2)))
    said = report(tmp_path)
    assert f"rank {hanging} (" in said and "in hangs_here" in said
    assert f"waiting for others: rank {1 - hanging}." in said
    stack = (tmp_path / "watchdog" / f"stack_{hanging}.txt").read_text(encoding="utf-8")
    assert "hangs_here" in stack and "in trains" in stack


@pytest.mark.parametrize("stopped", [0, 1])
def test_a_stopped_process_is_named_by_its_silence(tmp_path: Path, processes: list[Any], stopped: int) -> None:
    started(processes, tmp_path, "waits", "waits")
    os.kill(processes[stopped].pid, signal.SIGSTOP)
    said = report(tmp_path, 1 - stopped)
    assert f"rank {stopped} (" in said and "gives no sign of life, last at " in said
    assert f"waiting for others: rank {1 - stopped}." in said


def test_a_training_that_goes_on_is_not_reported(tmp_path: Path) -> None:
    watchdog = Watchdog(tmp_path / "watchdog", 0, 1, 0.5, 0.05)
    watchdog.start()
    for _ in range(20):
        time.sleep(0.05)
        watchdog.step()
    watchdog.stop()
    assert not (tmp_path / "watchdog").exists()
