from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from mmmim.called import as_called
from mmmim.config.folder import tools_folder
from mmmim.errors import RunFailed, UsageError
from mmmim.reproduce.remaining import Remaining, minutes

LOG_PREFIX = re.compile(r"^[\d/]+ [\d:]+ - mmengine - [A-Z]+ - ")
PROGRESS = re.compile(r"(Epoch|Iter)\((train|val)\)|backbone tensors|top-1|wrote ")
SECONDS_BETWEEN_LINES = 5.0
MARKER = ".demo"  # a file in every folder that the demo created and may therefore empty


class StageFailed(RunFailed):
    """The error of a command that failed; the message contains the end of its output."""


@dataclass
class Stages:
    """Runs commands of the project and keeps their times, and their output in `folder`.

    Args:
        remaining: Estimates the time until the last stage ends, which is printed with every line of progress.
    """

    folder: Path
    cores: int
    remaining: Remaining | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)

    def run(self, name: str, command: list[str], threads: int | None = None) -> None:
        """Run a command, which begins with a tool, to its end, showing its progress."""
        log = self.folder / f"{name}.log"
        print(as_called(f"\n{name}: python {' '.join(command)}"), flush=True)
        started = shown = time.perf_counter()
        with log.open("w", encoding="utf-8") as file:
            process = subprocess.Popen(
                [sys.executable, str(tools_folder().parent / command[0]), *command[1:]],
                env=environment(threads or self.cores),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    file.write(line)
                    now = time.perf_counter()
                    if PROGRESS.search(line) and ("tensors" in line or now - shown > SECONDS_BETWEEN_LINES):
                        left = self._left(name, now - started, line)
                        print(f"{name:12} {now - started:4.0f} s  {short(line)}{left}", flush=True)
                        shown = now
            except BaseException:
                process.kill()
                raise
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            ending = "".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[-25:])
            raise StageFailed(
                f"{name} ended with status {process.returncode}; its output ends with\n\n{ending}\nAll of it: {log}"
            )
        self.seconds[name] = round(time.perf_counter() - started, 1)
        self.cpu_seconds[name] = round(used.ru_utime + used.ru_stime, 1)
        if self.remaining is not None:
            self.remaining.finished(name, self.seconds[name])

    def _left(self, name: str, seconds: float, line: str) -> str:
        if self.remaining is None:
            return ""
        self.remaining.progress(name, seconds, line)
        return f"  | {minutes(self.remaining.left())} left in all"

    def run_side_by_side(self, commands: dict[str, list[str]]) -> None:
        """Run two commands at a time with half of the cores each.

        Starting up takes a good part of a command's time and uses one core only.
        """
        lanes = min(2, self.cores)
        with ThreadPoolExecutor(lanes) as pool:
            running = [pool.submit(self.run, name, command, self.cores // lanes) for name, command in commands.items()]
            try:
                for stage in as_completed(running):
                    stage.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a command with this number of threads.

    Threads wait passively: on shared cores, spinning makes a run several times slower.
    """
    own = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg"}
    return own | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}


def short(line: str) -> str:
    """Return a progress line of the log, reduced to what a reader of the demo wants to know."""
    line = LOG_PREFIX.sub("", line.strip())
    place, _, values = re.sub(r"\s+", " ", line).partition("] ")
    if "(train)" not in place:
        return line[:120]
    step = re.match(r"\[? *\d+/ *\d+\]", values)
    known = dict(re.findall(r"(\w[\w/]*): (\S+)", values))
    shown = [f"{key} {known[key]}" for key in ("loss", "images/s", "eta") if key in known]
    return " ".join([f"{place}]", *([step[0]] if step else []), *shown])


def fresh_folder(folder: Path) -> Path:
    """Create an empty folder; the remains of an earlier demo are removed, anything else is refused."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise UsageError(f"--work-dir {folder}: not empty, and not from an earlier demo; name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    return folder
