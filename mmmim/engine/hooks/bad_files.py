from __future__ import annotations

import logging
from pathlib import Path

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmmim.registry import HOOKS


@HOOKS.register_module()
class BadFileReportHook(Hook):
    """Logs how many files could not be read, after each epoch and at the end of the run, and writes their names.

    ``<work_dir>/bad_files.txt`` has one name per line, of all processes and of training and evaluation data. Nothing is
    written or logged as long as every file is readable, or if no further unreadable file was found.
    """

    priority = "VERY_LOW"

    def __init__(self) -> None:
        self.reported: set[str] = set()

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
        mine = {name for split in ("train", "val", "test") for name in _bad_files(runner, split)}
        names = set().union(*all_gather_object(mine))
        if names <= self.reported or not is_main_process():
            return
        self.reported |= names
        path = Path(runner.work_dir, "bad_files.txt")
        path.write_text(
            "".join(f"{name}\n" for name in sorted(self.reported)), encoding="utf-8", errors="surrogateescape"
        )
        runner.logger.log(
            logging.WARNING,
            f"{len(self.reported)} unreadable image file(s) skipped so far, others took their places: {path}",
        )


def _bad_files(runner: Runner, split: str) -> list[str]:
    """Return the bad files of a dataloader if it has been built, as the Runner's property would build it."""
    loader = getattr(runner, f"_{split}_dataloader")
    loop = getattr(runner, f"_{split}_loop")
    dataset = getattr(getattr(loop, "dataloader", loader), "dataset", None)
    return getattr(dataset, "bad_files", [])
