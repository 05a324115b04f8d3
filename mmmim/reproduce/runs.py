"""Run commands, several at a time where asked, and keep a record of each."""

from __future__ import annotations

import fcntl
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from threading import Lock
from typing import Any

from mmmim.called import as_called
from mmmim.config.folder import workplace
from mmmim.environment import code_commit, device_name, versions
from mmmim.launch.scalars import last_values, training_records
from mmmim.reproduce.command import MEASURING, Run, from_workplace
from mmmim.reproduce.recipes import told_by
from mmmim.reproduce.stages import environment

COCO_PREFIX = "coco/"


def finished(run: Run) -> bool:
    """Return whether the last checkpoint or measurement of a run exists and holds a number.

    The name of the run's folder identifies its command.
    """
    return (workplace() / run.result).is_file() and bool(metrics_of(run))


def read_record(run: Run) -> dict[str, Any]:
    """Return the ``run.json`` of a run; empty where there is none or it cannot be read."""
    try:
        record = json.loads((workplace() / run.folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def metrics_of(run: Run) -> dict[str, float]:
    """Return all numbers that a finished run gave, in percent."""
    if run.tool in MEASURING:
        try:
            measured = json.loads((workplace() / run.result).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # just set aside by another lane, or left incomplete by a killed run
            return {}
        if run.tool == "test":
            return in_percent(measured)
        values = measured["random_init" if run.untrained else "pretrained"]
        return {key: float(value) for key, value in values.items() if not isinstance(value, list)}
    last = last_values(sorted((workplace() / run.folder).glob("*/vis_data/scalars.json")))
    pretrained = told_by(run.config).task == "pretrain"
    found = {"loss": last["loss"]} if pretrained and "loss" in last else in_percent(last)
    return found | speed_of(run) if found else {}


def speed_of(run: Run) -> dict[str, float]:
    """Return the median images per second of a training, and the minutes of its steps, over all restarts."""
    records = [each for each in training_records(workplace() / run.folder) if "images_per_second" in each]
    if not records:
        return {}
    reached = [each["iter"] for each in records]
    steps = [last - first for first, last in zip([0, *reached], reached, strict=False)]
    seconds = sum(count * each["time"] for count, each in zip(steps, records, strict=True))
    return {"images/s": median(each["images_per_second"] for each in records), "minutes": seconds / 60}


def in_percent(last: dict[str, float]) -> dict[str, float]:
    """Return the evaluation's numbers from what was logged, in percent; detection logs fractions."""
    found = {key: value for key, value in last.items() if key.startswith(("accuracy/", COCO_PREFIX))}
    found |= {key: last[key] for key in ("mIoU", "aAcc", "mAcc") if key in last}
    return {key: 100 * value if key.startswith(COCO_PREFIX) else value for key, value in found.items()}


def start_record(run: Run) -> dict[str, Any]:
    """Return everything about a run that is known before it starts."""
    return dict(
        command=shlex.join(run.command()),
        config=run.config,
        seed=run.seed,
        commit=code_commit(),
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions=versions(),
        device=device_name(),
    )


def write_record(run: Run, record: dict[str, Any]) -> None:
    """Write the ``run.json`` of a run."""
    (workplace() / run.folder).mkdir(parents=True, exist_ok=True)
    (workplace() / run.folder / "run.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


@contextmanager
def exclusive(run: Run) -> Iterator[None]:
    """Hold the lock of a run, waiting for another process that makes the same run."""
    (workplace() / run.folder).mkdir(parents=True, exist_ok=True)
    with (workplace() / run.folder / ".lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def set_aside(result: Path) -> None:
    """Rename a result that has no number, so that the run's end is repeated; the file is kept."""
    if result.is_file():
        kept = result.replace(result.with_name(f"{result.name}.without_number"))
        print(f"{result} exists without a number: it is made again, and the file is kept as {kept.name}", flush=True)


def log_of(run: Run) -> Path:
    """Return the file that the output of a run is appended to."""
    return run.folder / "output.log"


class Runner:
    """Runs commands that are not finished yet; ``lanes`` of them at a time share the cores.

    Args:
        ended: Called after every run, by one lane at a time.
    """

    def __init__(self, cores: int, lanes: int, ended: Callable[[], object] = lambda: None) -> None:
        self.cores, self.lanes, self.ended = cores, min(lanes, cores), ended
        self.failed: dict[Run, str] = {}
        self.processes: list[subprocess.Popen] = []
        self.stopping = False
        self.ended_lock = Lock()

    def run(self, runs: Sequence[Run]) -> None:
        """Run everything in the given order, except that no lane waits for a run that another one starts from."""
        waiting = list(runs)
        active: dict[Future, Run] = {}
        with ThreadPoolExecutor(self.lanes) as pool:
            try:
                while waiting or active:
                    unfinished = {*waiting, *active.values()}
                    ready = [run for run in waiting if run.start not in unfinished]
                    for run in ready[: self.lanes - len(active)]:
                        waiting.remove(run)
                        active[pool.submit(self._one, run)] = run
                    for future in wait(active, return_when=FIRST_COMPLETED).done:
                        del active[future]
                        future.result()
            except BaseException:
                self.stopping = True
                pool.shutdown(wait=False, cancel_futures=True)
                for process in self.processes:
                    process.terminate()
                raise

    def _one(self, run: Run) -> None:
        if run.start in self.failed:
            self.failed[run] = f"not run, since {run.start.name} failed"  # type: ignore[union-attr]
            return
        with exclusive(run):
            if finished(run):
                print(f"done before: {run.name}", flush=True)
            else:
                self._start(run)
        with self.ended_lock:
            self.ended()

    def _start(self, run: Run) -> None:
        set_aside(workplace() / run.result)
        record = start_record(run)
        write_record(run, record)
        print(as_called(f"running: {shlex.join(run.command())}"), flush=True)
        begun = time.perf_counter()
        status = self.execute(run)
        seconds = round(time.perf_counter() - begun, 1)
        if status != 0 or not finished(run):
            why = f"status {status}" if status else f"it ended without {run.result.name} or without a number"
            self.failed[run] = f"{why}; its output is in {log_of(run)}"
            print(f"failed: {run.name}: {self.failed[run]}", file=sys.stderr, flush=True)
            return
        write_record(run, record | dict(seconds=seconds, metrics=metrics_of(run)))
        numbers = ", ".join(f"{key} {value:.4g}" for key, value in metrics_of(run).items())
        print(f"ended after {seconds:.0f} s: {run.name}: {numbers}", flush=True)

    def execute(self, run: Run) -> int:
        """Run the command, append its output to the run's log, and return its exit status."""
        command = [sys.executable if word == "python" else word for word in from_workplace(run.command())]
        with (workplace() / log_of(run)).open("a", encoding="utf-8") as file:
            process = subprocess.Popen(
                command,
                cwd=workplace(),
                env=environment(self.cores // self.lanes),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            self.processes.append(process)
            if self.stopping:  # a lane started it after the others were terminated
                process.terminate()
            return process.wait()
