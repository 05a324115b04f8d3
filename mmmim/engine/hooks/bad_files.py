from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmmim.datasets.storage import ReadingPolicy
from mmmim.engine.internals import built_loader, start_of
from mmmim.errors import UsageError
from mmmim.registry import HOOKS

SPLITS = ("train", "val", "test")


@HOOKS.register_module()
class BadFileReportHook(Hook):
    """Says what a run does about files that cannot be read, and reports them.

    ``<work_dir>/bad_files.txt`` has one name per line, of training and evaluation data. A process adds a name when it
    finds it; after each epoch and at the end the file is written again, sorted, with the names of all processes, and
    those that were in it before the run was resumed. Their number is logged where it has grown. Nothing is written or
    logged as long as every file is readable.

    Args:
        outage_minutes: How long a file is tried again where the storage gives an error (missing, I/O error, stale
            handle, timeout, no permission). Such an error makes no file unreadable unless its neighbours can be read.
            Afterwards the run stops; ``--resume`` goes on.
        max_bad_share: Share of unreadable files of a dataset, from ten of them on, that stops the run.
    """

    priority = "VERY_LOW"

    def __init__(self, outage_minutes: float = 10.0, max_bad_share: float = 0.1) -> None:
        if outage_minutes < 0 or not 0 <= max_bad_share <= 1:
            raise UsageError(
                f"outage_minutes={outage_minutes} and max_bad_share={max_bad_share}: expected minutes from 0 on, and a "
                "share between 0 and 1"
            )
        self.outage_minutes, self.max_bad_share = outage_minutes, max_bad_share
        self.reported: set[str] = set()

    def before_train(self, runner: Runner) -> None:
        if is_main_process() and not start_of(runner).resumes:
            _list_of(runner).unlink(missing_ok=True)  # written by an earlier run
        self._set_policy(runner)

    def before_val(self, runner: Runner) -> None:
        self._set_policy(runner)

    def before_test(self, runner: Runner) -> None:
        self._set_policy(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        self.report(runner)

    def after_train(self, runner: Runner) -> None:
        self.report(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self.report(runner)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self.report(runner)

    def report(self, runner: Runner) -> None:
        """Log and write the files that could not be read, if there are new ones; every rank has to call it."""
        mine = {name for dataset in _datasets(runner) for name in getattr(dataset, "bad_files", [])}
        names = set().union(*all_gather_object(mine))
        if names <= self.reported or not is_main_process():
            return
        self.reported |= names
        path = _list_of(runner)
        listed = sorted(self.reported | _names_in(path))
        with path.open("w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(f"{name}\n" for name in listed)
        runner.logger.log(
            logging.WARNING,
            f"{len(listed)} unreadable image file(s) skipped so far, others took their places: {path}",
        )

    def _set_policy(self, runner: Runner) -> None:
        policy = ReadingPolicy(self.outage_minutes, self.max_bad_share, _list_of(runner))
        for dataset in _datasets(runner):
            if hasattr(dataset, "policy"):
                dataset.policy = policy


def _datasets(runner: Runner) -> Iterator[Any]:
    for split in SPLITS:
        if (loader := built_loader(runner, split)) is not None:
            yield loader.dataset


def _list_of(runner: Runner) -> Path:
    return Path(runner.work_dir, "bad_files.txt")


def _names_in(path: Path) -> set[str]:
    with suppress(FileNotFoundError):
        return set(path.read_text(encoding="utf-8", errors="surrogateescape").splitlines())
    return set()
