from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmmim.registry import HOOKS

from .encoder_monitor import LabelledMonitor
from .features import Features
from .knn import DEFAULT_K, choose_k, fitting_k, knn_accuracy

SMALL_K = 20


@HOOKS.register_module()
class KNNHook(LabelledMonitor):
    """A hook that logs the k-NN accuracy of the encoder during pre-training as ``knn/top1_k<k>``, in percent.

    Args:
        k: Numbers of neighbours. Default: those of 10, 20, 100 and 200 that do not exceed the number of images of the
            bank; with ``data`` 100 and 200 only of a bank four times as large.
        temperature: That of the votes' weights.
        options: See :class:`~.encoder_monitor.LabelledMonitor`: ``data``, ``interval`` and others.

    Raises:
        UsageError: Before training starts, a ``k`` is larger than the number of images of the bank.
    """

    option = "--knn "

    def __init__(
        self,
        train_dataloader: Any = None,
        test_dataloader: Any = None,
        interval: int | None = None,
        by_epoch: bool | None = None,
        k: Sequence[int] | None = None,
        temperature: float = 0.07,
        pool: str = "avg",
        **options: Any,
    ) -> None:
        super().__init__(train_dataloader, test_dataloader, interval, by_epoch, pool, **options)
        self.k = None if k is None else tuple(k)
        self.temperature = temperature

    def check(self, num_bank: int, num_queries: int) -> None:
        if self.k is None and self.data is not None:
            self.k = fitting_k(DEFAULT_K, max(min(SMALL_K, num_bank), num_bank // 4))
        self.k = choose_k(self.k, num_bank)

    def compare(self, bank: Features, queries: Features) -> dict[str, float]:
        ks = fitting_k(self.k or DEFAULT_K, len(bank.x))  # smaller where files could not be read
        accuracy = knn_accuracy(*bank, *queries, k=ks, temperature=self.temperature)
        return {f"knn/top1_k{k}": value for k, value in accuracy.items()}
