from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from mmmim.engine.optim.wrappers import step_precision
from mmmim.engine.sharding import callable_parts
from mmmim.errors import UsageError

from .step_seed import seed_step

EVALUATIONS = 10  # of a run, by default


class Monitor(Hook):
    """Base class of hooks that look at a model from time to time while it trains, and change nothing of the training.

    ``measure`` is called in eval mode, without gradients, in the precision of the training's steps, and with random
    generators of its own. Afterwards the mode of each module and the states of Python's, NumPy's and torch's
    generators are what they were before. All processes call it together. What it returns is logged in one line and
    given to the visualizer, with the epoch (or iteration) as the step.

    Args:
        interval: Epochs between two evaluations, or iterations with ``by_epoch=False``; the last one is always
            evaluated. Default: a tenth of the run.
        by_epoch: Whether to count epochs. Default: as the run does.

    Attributes:
        newest: What was measured last.
    """

    priority = "LOW"  # after the log line of the epoch, before its checkpoint

    def __init__(self, interval: int | None = None, by_epoch: bool | None = None) -> None:
        if interval is not None and interval < 1:
            raise UsageError(f"interval: {interval} must be at least 1.")
        self.interval, self.by_epoch = interval, by_epoch
        self.counts_epochs, self.every = True, 1
        self.newest: dict[str, float] = {}

    def prepare(self, runner: Runner) -> None:
        """Check that the model and the images are such as can be measured; called before the first step."""

    def measure(self, runner: Runner, step: int) -> dict[str, float]:
        """Return what is to be logged, by name, such as ``knn/top1_k20``; processes other than the first may not."""
        raise NotImplementedError

    def num_evaluations(self, runner: Runner) -> int:
        """Return how often the whole run is evaluated."""
        return -(-self.length(runner) // self.every)

    def length(self, runner: Runner) -> int:
        """Return the length of the run, in epochs or iterations."""
        return runner.max_epochs if self.counts_epochs else runner.max_iters

    def usual_evaluations(self, runner: Runner) -> int:
        """Return how often a run is evaluated by default, as far as it has so many epochs."""
        return EVALUATIONS

    def before_train(self, runner: Runner) -> None:
        self.counts_epochs = not isinstance(runner.train_loop, IterBasedTrainLoop)
        if self.by_epoch is not None:
            self.counts_epochs = self.by_epoch
        self.every = self.interval or max(1, round(self.length(runner) / self.usual_evaluations(runner)))
        with own_generators(0):
            self.prepare(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        if self.counts_epochs and (self.every_n_epochs(runner, self.every) or self.is_last_train_epoch(runner)):
            self.evaluate(runner, runner.epoch + 1)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        if self.counts_epochs:
            return
        if self.every_n_train_iters(runner, self.every) or self.is_last_train_iter(runner):
            self.evaluate(runner, runner.iter + 1)

    def evaluate(self, runner: Runner, step: int) -> dict[str, float]:
        """Measure the model as it is, log the values and return them."""
        with own_generators(step), eval_mode(runner.model), callable_parts(runner.model):  # noqa: SIM117
            with torch.no_grad(), step_precision(runner.optim_wrapper, next(runner.model.parameters()).device):
                self.newest = self.measure(runner, step)
        if self.newest:
            unit = "epoch" if self.counts_epochs else "iteration"
            values = ", ".join(f"{name}: {value:.4g}" for name, value in self.newest.items())
            runner.logger.info(f"{unit} {step}: {values}")
            runner.visualizer.add_scalars(self.newest, step=step)
        return self.newest


@contextmanager
def own_generators(step: int) -> Iterator[None]:
    """Seed the global random generators by ``step`` while the block runs, and restore their states on exit."""
    states = random.getstate(), np.random.get_state()
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        seed_step(0, step, get_rank())
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put all modules of a model into eval mode while the block runs, and each into its own mode on exit."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
