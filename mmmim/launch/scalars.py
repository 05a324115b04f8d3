"""Read what a run logged: the ``scalars.json`` of each of its starts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from mmmim.errors import UsageError

FILE = "scalars.json"


def scalar_files(run: str | Path) -> list[Path]:
    """Return the files of scalars below a work directory, one for each start, oldest first; a file stands for itself.

    Raises:
        UsageError: There is none.
    """
    run = Path(run)
    if run.is_file():
        return [run]
    files = sorted(run.glob(f"**/vis_data/{FILE}")) or sorted(run.glob(FILE))
    if not files:
        raise UsageError(
            f"RUN: no vis_data/{FILE} below '{run}'; give the work directory of a training run "
            f"(what --work-dir said) or a {FILE}"
        )
    return files


def read_scalars(file: str | Path) -> Iterator[dict[str, Any]]:
    """Yield the records of one file, oldest first; a last line that a killed run left unfinished is left out.

    Raises:
        UsageError: Another line is no record.
    """
    text = Path(file).read_text(encoding="utf-8")
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines) and not text.endswith("\n"):
                return
            raise UsageError(f"{file}, line {number}: not a JSON record ({error.msg}): {line[:60]!r}") from None
        yield record


def is_training(record: dict[str, Any]) -> bool:
    """Return whether a record is of training steps, and not of a validation or a monitor."""
    return "iter" in record and "lr" in record


def training_records(run: str | Path) -> list[dict[str, Any]]:
    """Return the training records of all starts of a run; of an iteration that was logged twice the later one."""
    by_iteration = {
        record["iter"]: record for file in scalar_files(run) for record in read_scalars(file) if is_training(record)
    }
    return [by_iteration[iteration] for iteration in sorted(by_iteration)]


def evaluation_records(run: str | Path) -> list[dict[str, Any]]:
    """Return what validations and monitors logged, by step; of a scalar that was logged twice the later one."""
    by_step: dict[int, dict[str, Any]] = {}
    for file in scalar_files(run):
        for record in read_scalars(file):
            if not is_training(record) and "step" in record:
                by_step.setdefault(record["step"], {}).update(record)
    return [by_step[step] for step in sorted(by_step)]


def last_values(files: Iterable[str | Path]) -> dict[str, float]:
    """Return the last value of every scalar in the files of a run's starts, oldest first."""
    last: dict[str, float] = {}
    for record in chain.from_iterable(map(read_scalars, files)):
        last |= {key: float(value) for key, value in record.items() if isinstance(value, (int, float))}
    return last
