"""Keeps a second run out of the work directory of a run that goes on, and out of the results of one that stopped."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log

from mmmim.checkpoint.files import POINTER_FILE, VALIDATION_FILE, read_stored_run, remove_checkpoint, stored_checkpoints
from mmmim.errors import UsageError

LOCK_FILE = "run.lock"
BEAT_SECONDS = 20.0  # between two signs of life
SILENT_SECONDS = 90.0  # after which a run on another machine counts as dead


class Owner(NamedTuple):
    """Who holds a lock; ``born`` tells a process from a later one with the same number."""

    host: str
    pid: int
    born: str
    token: str

    @classmethod
    def this_process(cls) -> Owner:
        """Return this process."""
        return cls(socket.gethostname(), os.getpid(), _born(os.getpid()), uuid.uuid4().hex)

    def is_alive(self) -> bool:
        """Return whether the process runs; only its own machine can tell."""
        born = _born(self.pid)
        return born != "" and born == self.born


@contextmanager
def run_lock(work_dir: str | Path, argument: str = "--work-dir", does: str = "trains") -> Iterator[None]:
    """Hold the lock of a work directory, and give a sign of life in its file as long as the block runs.

    The lock of a dead process is taken over: on the same machine at once, on another one after it gave no sign of life
    for a while. Clocks are not compared, so that it does not matter if they go back.

    Args:
        argument: How the command line calls the directory.
        does: What the command does there.

    Raises:
        UsageError: Another run holds the lock.
    """
    folder, me = Path(work_dir), Owner.this_process()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / LOCK_FILE
    while not _create(file, me):
        holder = _holder(file)
        if holder is not None and _lives(file, holder):
            raise UsageError(
                f"{argument} {folder}: process {holder.pid} on {holder.host} {does} there (running for "
                f"{_age(file)}); stop it, or choose another {argument}. If it does not exist, delete {file}"
            )
        named = "an unreadable lock" if holder is None else f"process {holder.pid} on {holder.host}, which is gone"
        print_log(f"taking over {folder} from {named}", logger="current")
        file.unlink(missing_ok=True)
    ended = threading.Event()
    beat = threading.Thread(target=_beat, args=(file, ended), daemon=True, name="run lock")
    beat.start()
    try:
        yield
    finally:
        ended.set()
        if _holder(file) == me:
            file.unlink(missing_ok=True)


def check_unfinished(work_dir: str | Path, resumes: bool, overwrite: bool) -> None:
    """Refuse to start anew over the checkpoints of a run that has not finished; ``overwrite`` deletes them.

    Raises:
        UsageError: There is an unfinished run, and it is neither resumed nor overwritten.
    """
    if resumes:
        if overwrite:
            raise UsageError("--resume goes on with the checkpoints that --overwrite deletes; give one of them")
        return
    stored = stored_checkpoints(work_dir, work_dir)
    if overwrite:
        best = Path(work_dir).glob("best_*.pth")
        for file in (*stored, *best, Path(work_dir, POINTER_FILE), Path(work_dir, VALIDATION_FILE)):
            remove_checkpoint(file)
    elif stored and (place := _unfinished(stored[0])):
        raise UsageError(
            f"--work-dir {work_dir}: holds a run that stopped at {place}: {stored[0].name}. Go on with it: --resume. "
            "Delete its checkpoints and start anew: --overwrite. Or choose another --work-dir"
        )


def _unfinished(checkpoint: Path) -> str:
    """Return how far the run of a checkpoint came, or nothing if it reached its end."""
    try:
        content = read_stored_run(checkpoint)
        done, last = int(content["meta"]["iter"]), int(content["message_hub"]["runtime_info"]["max_iters"])
    except (UsageError, KeyError, TypeError, ValueError):
        return ""
    return f"iteration {done} of {last}" if done < last else ""


def _create(file: Path, me: Owner) -> bool:
    """Return whether the lock was free and is ours now."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        json.dump(dict(me._asdict(), started=time.strftime("%Y-%m-%d %H:%M:%S")), opened)
    return True


def _holder(file: Path) -> Owner | None:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Owner(*(content[name] for name in Owner._fields))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lives(file: Path, holder: Owner) -> bool:
    if holder.host == socket.gethostname():
        return holder.is_alive()
    print_log(f"waiting for a sign of life of process {holder.pid} on {holder.host}", logger="current")
    before, deadline = _modified(file), time.monotonic() + SILENT_SECONDS
    while time.monotonic() < deadline:
        time.sleep(min(1.0, SILENT_SECONDS / 10))
        if _modified(file) != before:
            return file.exists()
    return False


def _beat(file: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(file)


def _modified(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return -1


def _age(file: Path) -> str:
    try:
        started = json.loads(file.read_text(encoding="utf-8"))["started"]
        minutes = (time.time() - time.mktime(time.strptime(started, "%Y-%m-%d %H:%M:%S"))) / 60
    except (OSError, ValueError, KeyError):
        return "an unknown time"
    return f"{max(0.0, minutes):.0f} minutes"


def _born(pid: int) -> str:
    """Return when a process began, in ticks since the machine was started; nothing if it does not run."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return ""
        except OSError:
            return "unknown"
        return "unknown"
    state, *_ = fields = text.rpartition(")")[2].split()
    return "" if state == "Z" else fields[19]
