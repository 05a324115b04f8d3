"""Read what a run has left in its folder so far."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmmim.checkpoint.files import stored_checkpoints
from mmmim.errors import UsageError
from mmmim.launch.run_lock import LOCK_FILE, SILENT_SECONDS
from mmmim.launch.run_record import RunRecord, read_record
from mmmim.launch.scalars import evaluation_records, training_records

RESULTS = ("knn.json", "probe.json")  # what evaluations write beside a checkpoint
BAD_FILES = "bad_files.txt"


@dataclass(frozen=True)
class RunFolder:
    """One run, finished or not.

    Attributes:
        path: The work directory.
        name: Short, and unique among the runs of a report.
        config: The effective config, or None where the run left none that can be read.
        starts: The records of its starts, oldest first.
        training: Training records by iteration, see :func:`~mmmim.launch.scalars.training_records`.
        evaluations: What validations and monitors logged, by step.
        results: Contents of the files of evaluations, by stem.
        checkpoints: Oldest first.
        pictures: Pictures that were drawn while it trained, by epoch.
        bad_files: Names of files that could not be read.
    """

    path: Path
    name: str
    config: Config | None = None
    starts: tuple[RunRecord, ...] = ()
    training: tuple[dict[str, Any], ...] = ()
    evaluations: tuple[dict[str, Any], ...] = ()
    results: dict[str, Any] = field(default_factory=dict)
    checkpoints: tuple[Path, ...] = ()
    pictures: dict[int, Path] = field(default_factory=dict)
    bad_files: tuple[str, ...] = ()

    @property
    def data(self) -> str:
        """Return what the run trained on, in a few words; nothing where it left no record."""
        return self.starts[-1].facts.get("data", "") if self.starts else ""

    @property
    def length(self) -> tuple[str, int] | None:
        """Return unit and number of the epochs or iterations that the config asks for."""
        train = (self.config or {}).get("train_cfg") or {}
        for unit, key in (("epoch", "max_epochs"), ("iter", "max_iters")):
            if isinstance(train.get(key), int):
                return unit, train[key]
        return None

    @property
    def state(self) -> str:
        """Return how far the run came: finished, running, stopped, or not begun."""
        done = self.checkpoint_epoch if not self.training else self.training[-1].get((self.length or ("epoch", 0))[0])
        if done is None:
            return "running, nothing logged yet" if self._is_locked() else "nothing logged yet"
        if self.length is None:
            return "running" if self._is_locked() else "stopped or finished"
        unit, last = self.length
        unit = "iteration" if unit == "iter" else unit
        if self._is_locked():
            return f"running, {unit} {done} of {last}"
        whole = any(re.fullmatch(rf"(epoch|iter)_{last}\.pth", file.name) for file in self.checkpoints)
        return f"finished, {last} {unit}s" if done >= last and whole else f"stopped in {unit} {done} of {last}"

    @property
    def checkpoint_epoch(self) -> int | None:
        """Return the number in the name of the newest checkpoint."""
        numbers = [int(found[1]) for file in self.checkpoints if (found := re.search(r"_(\d+)\.pth$", file.name))]
        return max(numbers, default=None)

    def _is_locked(self) -> bool:
        try:
            return time.time() - (self.path / LOCK_FILE).stat().st_mtime < SILENT_SECONDS
        except OSError:
            return False


def read_run(path: str | Path, name: str | None = None) -> RunFolder:
    """Return what is in the work directory of a run; what it has not left yet is empty.

    Raises:
        UsageError: There is no such folder, or nothing of a run in it.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UsageError(f"RUN: '{path}' {what}; give the work directory of a run (what --work-dir said)")
    starts = sorted(file.parent for file in folder.glob("*/vis_data"))
    config = _config(folder, starts)
    scalars = any((start / "vis_data" / "scalars.json").is_file() for start in starts)
    checkpoints = tuple(reversed(stored_checkpoints(folder, folder)))
    if not (starts or checkpoints or config):
        raise UsageError(f"RUN: '{path}' holds no run: no log, no config, no checkpoint{_runs_below(folder)}")
    return RunFolder(
        path=folder,
        name=name or folder.resolve().name,
        config=config,
        starts=tuple(record for start in starts if (record := read_record(start)) is not None),
        training=tuple(training_records(folder)) if scalars else (),
        evaluations=tuple(evaluation_records(folder)) if scalars else (),
        results=dict(_results(folder)),
        checkpoints=checkpoints,
        pictures=_pictures(starts),
        bad_files=_lines(folder / BAD_FILES),
    )


def read_runs(paths: Sequence[str | Path], names: Sequence[str] | None = None) -> list[RunFolder]:
    """Return several runs under names that differ: those given, or as much of their paths as tells them apart."""
    return [read_run(path, name) for path, name in zip(paths, names or _short_names(paths), strict=True)]


def _short_names(paths: Sequence[str | Path]) -> list[str]:
    parts = [Path(path).resolve().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(set(parts)):
            break
    before = [names[:index].count(name) for index, name in enumerate(names)]
    return [f"{name} ({count + 1})" if count else name for name, count in zip(names, before, strict=True)]


def _config(folder: Path, starts: list[Path]) -> Config | None:
    dumped = [start / "vis_data" / "config.py" for start in reversed(starts)]
    for file in (*dumped, *sorted(folder.glob("*.py"), key=lambda file: -file.stat().st_mtime)):
        if file.is_file() and file.stat().st_size:
            try:
                return Config.fromfile(str(file))
            except (SyntaxError, ValueError, OSError):  # cut off by a full disk or a kill
                continue
    return None


def _results(folder: Path) -> Iterator[tuple[str, Any]]:
    for name in RESULTS:
        file = folder / name
        if file.is_file():
            try:
                yield file.stem, json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                raise UsageError(f"{file}: no JSON; measure again, or delete it") from None


def _pictures(starts: list[Path]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for start in starts:
        for file in sorted(start.glob("vis_data/**/*.png")):
            if number := re.search(r"(\d+)\.png$", file.name):
                found[int(number[1])] = file
    return dict(sorted(found.items()))


def _lines(file: Path) -> tuple[str, ...]:
    return tuple(file.read_text(encoding="utf-8").splitlines()) if file.is_file() else ()


def _runs_below(folder: Path) -> str:
    below = sorted({str(file.parents[1]) for file in folder.glob("*/*/vis_data")} - {str(folder)})
    return f"; below it there is {', '.join(below[:3])}" if below else ""
