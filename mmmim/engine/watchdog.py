"""Names the process of a run that hangs, with the line of code where it does."""

from __future__ import annotations

import faulthandler
import json
import os
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

WAITING_IN = ("torch/distributed", "torch/autograd/graph.py", "mmengine/dist")  # code that waits for other processes
BEAT = 5.0  # seconds between two signs of life


class Sign(NamedTuple):
    """Holds what a process last told the others: where it is, and a number that grows as long as the process runs."""

    rank: int
    host: str
    pid: int
    beat: int
    place: str
    waits: bool  # whether it waits for other processes


class Watchdog:
    """A thread that says so when a training takes no step for some time.

    Every process writes a sign of life with the line of code where its main thread is into a folder that all share.
    When no step was taken for ``seconds``, each process writes the stacks of its threads to ``stack_RANK.txt`` there,
    and the first one reports who is not merely waiting for the others, or gives no sign of life.

    The thread also ends the process if the launcher that started it is gone, because nobody would stop it otherwise.
    """

    def __init__(self, folder: Path, rank: int, processes: int, seconds: float, beat: float = BEAT) -> None:
        self.folder, self.rank, self.processes, self.seconds, self.beat = folder, rank, processes, seconds, beat
        self._main = threading.main_thread().ident
        self._parent = os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else None
        self._ended = threading.Event()
        self._last = time.monotonic()
        self._told = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.step()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Note that training goes on."""
        self._last, self._told = time.monotonic(), False

    def stop(self, keep_signs: bool = False) -> None:
        """End the thread and delete what it wrote, unless it had something to tell.

        Args:
            keep_signs: Leave the last sign of life for the other processes, which then know where this one failed.
        """
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            if keep_signs:
                return
            with suppress(OSError):
                self._file(self.rank).unlink()
                self.folder.rmdir()

    def _watch(self) -> None:
        beat, before = 0, dict[int, int]()
        while not self._ended.wait(self.beat):
            if self._parent is not None and os.getppid() != self._parent:
                self._tell(f"rank {self.rank}: the launcher is gone, ending this process")
                os._exit(1)
            beat += 1
            self._write(beat)
            silent = time.monotonic() - self._last
            if silent < self.seconds or self._told:
                before = {sign.rank: sign.beat for sign in self.signs()}
                continue
            self._told = True
            with suppress(OSError), (self.folder / f"stack_{self.rank}.txt").open("w", encoding="utf-8") as file:
                faulthandler.dump_traceback(file)
            if self.rank == 0 or self._is_missing(0, before):
                self._ended.wait(3 * self.beat)  # until the others have told where they are
                self._tell(f"no step for {silent / 60:.1f} minutes: {self._report(before)}")

    def signs(self) -> list[Sign]:
        """Return the last signs of life of all processes that gave one."""
        found = []
        for rank in range(self.processes):
            with suppress(OSError, ValueError, TypeError):
                found.append(Sign(**json.loads(self._file(rank).read_text(encoding="utf-8"))))
        return found

    def _is_missing(self, rank: int, before: dict[int, int]) -> bool:
        now = {sign.rank: sign.beat for sign in self.signs()}
        return rank not in now or now[rank] == before.get(rank)

    def _report(self, before: dict[int, int]) -> str:
        signs = {sign.rank: sign for sign in self.signs()}
        parts = []
        for rank in range(self.processes):
            sign = signs.get(rank)
            if sign is None:
                parts.append(f"rank {rank} never gave a sign of life")
            elif sign.beat == before.get(rank):
                parts.append(
                    f"rank {rank} ({sign.host}, process {sign.pid}) gives no sign of life, last at {sign.place}"
                )
            elif not sign.waits:
                parts.append(f"rank {rank} ({sign.host}, process {sign.pid}) is at {sign.place}")
        waiting = [rank for rank, sign in signs.items() if sign.waits and sign.beat != before.get(rank)]
        if waiting:
            listed = ", ".join(map(str, waiting[:20])) + (", ..." if len(waiting) > 20 else "")
            parts.append(f"waiting for others: rank {listed}")
        return f"{'; '.join(parts)}. Stacks: {self.folder}"

    def _write(self, beat: int) -> None:
        place, waits = self._place()
        sign = Sign(self.rank, socket.gethostname(), os.getpid(), beat, place, waits)
        temporary = self._file(self.rank).with_suffix(".tmp")
        with suppress(OSError):
            temporary.write_text(json.dumps(sign._asdict()), encoding="utf-8")
            os.replace(temporary, self._file(self.rank))

    def _place(self) -> tuple[str, bool]:
        """Return the innermost line of the main thread, and whether it waits for other processes."""
        frame = sys._current_frames().get(self._main or 0)
        stack = traceback.extract_stack(frame)
        if not stack:
            return "an unknown place", False
        waits = any(part in line.filename for line in stack for part in WAITING_IN)
        return f"{stack[-1].filename}:{stack[-1].lineno} in {stack[-1].name}", waits

    def _file(self, rank: int) -> Path:
        return self.folder / f"rank_{rank}.json"

    def _tell(self, text: str) -> None:
        sys.stderr.write(f"watchdog: {text}\n")
        sys.stderr.flush()
