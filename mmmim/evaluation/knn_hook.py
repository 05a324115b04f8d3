from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmmim.errors import UsageError
from mmmim.registry import HOOKS

from .features import extract_features
from .knn import DEFAULT_K, choose_k, fitting_k, knn_accuracy


@HOOKS.register_module()
class KNNHook(Hook):
    """A hook that logs the k-NN accuracy of the encoder during pre-training as ``knn/top1_k<k>``.

    The training run is unaffected: no gradient is computed, and neither the global random state nor the train mode
    changes.

    Args:
        train_dataloader: Labelled samples to compare with; evaluation transforms, no shuffling.
        test_dataloader: Labelled samples to classify.
        interval: In epochs, or in iterations with ``by_epoch=False``. The last one is always evaluated.
        k: Numbers of neighbours. Default: those of 10, 20, 100 and 200 that do not exceed the number of training
            images.

    Raises:
        UsageError: Before training starts, a ``k`` is larger than the number of training images.
    """

    priority = "LOW"

    def __init__(
        self,
        train_dataloader: dict,
        test_dataloader: dict,
        interval: int = 10,
        by_epoch: bool = True,
        k: Sequence[int] | None = None,
        temperature: float = 0.07,
        pool: str = "avg",
    ) -> None:
        if interval < 1:
            raise UsageError(f"interval: {interval} must be at least 1.")
        self.dataloaders: list[Any] = [train_dataloader, test_dataloader]
        self.interval = interval
        self.by_epoch = by_epoch
        self.k = None if k is None else tuple(k)
        self.temperature = temperature
        self.pool = pool

    def before_train(self, runner: Runner) -> None:
        self.dataloaders = [
            Runner.build_dataloader(loader, seed=runner.seed) if isinstance(loader, dict) else loader
            for loader in self.dataloaders
        ]
        self.k = choose_k(self.k, len(self.dataloaders[0].dataset))

    def after_train_epoch(self, runner: Runner) -> None:
        if self.by_epoch and (self.every_n_epochs(runner, self.interval) or self.is_last_train_epoch(runner)):
            self.evaluate(runner, runner.epoch + 1)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if self.by_epoch:
            return
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            self.evaluate(runner, runner.iter + 1)

    def evaluate(self, runner: Runner, step: int) -> dict[str, float]:
        """Log and return the accuracies of the runner's current encoder."""
        model: Any = runner.model.module if is_model_wrapper(runner.model) else runner.model
        with torch.random.fork_rng(devices=[]):  # a loader draws its base seed from the global generator
            train, test = (
                extract_features(model.backbone, loader, model.data_preprocessor, self.pool)
                for loader in self.dataloaders
            )
        ks = fitting_k(self.k or DEFAULT_K, len(train.x))  # smaller where files could not be read
        accuracy = knn_accuracy(*train, *test, k=ks, temperature=self.temperature)
        scalars = {f"knn/top1_k{k}": value for k, value in accuracy.items()}
        runner.logger.info(", ".join(f"{name}: {value:.2f}" for name, value in scalars.items()))
        runner.visualizer.add_scalars(scalars, step=step)
        return scalars
