"""The base classes of hooks that measure the features of an encoder while it trains."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.dist import get_world_size, is_main_process
from mmengine.runner import Runner

from mmmim.engine.hooks import Monitor
from mmmim.engine.log_processor import batch_size_of
from mmmim.errors import UsageError

from .features import POOLS, Features
from .splits import watched_splits
from .watched import WatchedImages, choose_images, encoder_of, kept_model

MOST, LEAST = 2000, 200  # images of a set by default, in long and in short runs
QUERIES = 2  # images of the bank for each query
FEWEST = 3  # evaluations of a run by default, however short it is


class EncoderMonitor(Monitor):
    """Base class of monitors of the encoder that checkpoints hold: ConMIM's slow one, the average of an ``EMAHook``.

    With several processes each of them encodes its share of the images, and the first one measures.

    In short runs there are fewer evaluations by default, as all of them together are to take a small share of the time.

    Args:
        interval: Default: a tenth of the run, and more in a short one, up to a third.
        pool: ``avg`` of the patch tokens, or ``cls``.
    """

    share = 1 / 75  # of the images that the training looks at, which are looked at by default in all evaluations
    least = LEAST  # images of an evaluation

    def __init__(self, interval: int | None = None, by_epoch: bool | None = None, pool: str = "avg") -> None:
        super().__init__(interval, by_epoch)
        if pool not in POOLS:
            raise UsageError(f"pool: {pool!r} is none of {POOLS}.")
        self.pool = pool

    def affordable(self, runner: Runner) -> int:
        """Return how many images all evaluations together should look at."""
        batch = batch_size_of(runner.train_dataloader) or 1
        return int(self.share * runner.max_iters * batch * get_world_size())

    def usual_evaluations(self, runner: Runner) -> int:
        return min(super().usual_evaluations(runner), max(FEWEST, self.affordable(runner) // self.least))

    def usual_images(self, runner: Runner) -> int:
        """Return how many images an evaluation looks at by default, apart from a most."""
        return max(self.least, self.affordable(runner) // self.num_evaluations(runner))

    def prepare(self, runner: Runner) -> None:
        encoder_of(kept_model(runner))

    def announce(self, runner: Runner, what: str) -> None:
        """Log once what will be measured."""
        unit = "epochs" if self.counts_epochs else "iterations"
        runner.logger.info(f"{type(self).__name__}: {what}, every {self.every} {unit}")


class LabelledMonitor(EncoderMonitor):
    """Base class of monitors that compare the features of labelled images, a bank and queries.

    Args:
        data: A folder with one sub-folder per class, or with these in ``train/`` (the bank) and ``val/`` (the queries);
            without the two, a tenth of each class are queries, chosen by a hash of the file names. ``toy``: the
            built-in pictures.
        num_bank, num_queries: How many of its images are used; of each class its share. Default: 2,000 and 1,000; in
            short runs fewer, down to 200 and 100.
        train_dataloader, test_dataloader: In place of ``data``, configs of dataloaders of bank and queries, with
            evaluation transforms and without shuffling.
    """

    share = 1 / 50
    least = LEAST + LEAST // QUERIES
    option = "data="  # by which messages name it

    def __init__(
        self,
        train_dataloader: Any = None,
        test_dataloader: Any = None,
        interval: int | None = None,
        by_epoch: bool | None = None,
        pool: str = "avg",
        data: str | None = None,
        num_bank: int | None = None,
        num_queries: int | None = None,
    ) -> None:
        super().__init__(interval, by_epoch, pool)
        given = [each is not None for each in (data, train_dataloader, test_dataloader)]
        if given not in ([True, False, False], [False, True, True]):
            raise UsageError(
                f"{type(self).__name__}: give data, a folder of class folders or 'toy', or both train_dataloader and "
                "test_dataloader"
            )
        for name, count in (("num_bank", num_bank), ("num_queries", num_queries)):
            if count is not None and count < 1:
                raise UsageError(f"{name}: {count} must be at least 1.")
        self.data, self.num_bank, self.num_queries = data, num_bank, num_queries
        self.dataloaders = train_dataloader, test_dataloader
        self.sets: tuple[str, str] = ("", "")

    def prepare(self, runner: Runner) -> None:
        super().prepare(runner)
        watched = WatchedImages.of(runner)
        if self.data is None:
            self.sets = (repr(self.dataloaders[0]), repr(self.dataloaders[1]))
            bank, queries = (watched.add(name, each) for name, each in zip(self.sets, self.dataloaders, strict=True))
            self.check(len(bank), len(queries))
            return
        count = min(MOST, self.usual_images(runner) * QUERIES // (QUERIES + 1))
        counts = self.num_bank or count, self.num_queries or count // QUERIES
        try:
            splits = watched_splits(runner.cfg, self.data, counts)
            chosen = [choose_images(split, number) for split, number in zip(splits, counts, strict=True)]
            if len(np.unique(chosen[0].labels)) < 2:
                raise UsageError("fewer than two classes have images in the bank, so there is nothing to tell apart")
            self.check(len(chosen[0]), len(chosen[1]))
        except UsageError as error:
            raise UsageError(f"{self.option}{self.data}: {str(error).removeprefix(f'{self.data}: ')}") from None
        self.sets = (f"bank {self.data} {len(chosen[0])}", f"queries {self.data} {len(chosen[1])}")
        for name, images in zip(self.sets, chosen, strict=True):
            watched.add(name, images)
        self.announce(runner, f"{len(chosen[1]):,} queries and a bank of {len(chosen[0]):,} images of {self.data}")

    def check(self, num_bank: int, num_queries: int) -> None:
        """Raise a UsageError where so few images cannot be measured."""

    def measure(self, runner: Runner, step: int) -> dict[str, float]:
        watched = WatchedImages.of(runner)
        bank, queries = (watched.features(name, runner, self.pool) for name in self.sets)
        return self.compare(bank, queries) if is_main_process() else {}

    def compare(self, bank: Features, queries: Features) -> dict[str, float]:
        """Return what is to be logged of the features."""
        raise NotImplementedError
