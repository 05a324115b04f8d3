from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.classifiers.labels import check_labels
from mmmim.registry import METRICS


@METRICS.register_module()
class Accuracy(BaseMetric):
    """Top-k accuracy in percent, reported as ``accuracy/top1``, ``accuracy/top5`` and so on.

    Samples are identified by their index across all ranks, so a sample that the sampler pads or repeats counts once.

    With a ``LayerwiseClsHead`` every level is reported (``accuracy/block1_top1``, …). ``accuracy/top1`` and so on are
    then those of the level with the best top-1 accuracy (of the smallest k), and ``accuracy/best_block`` is its number.

    Args:
        mean_class: Also report ``accuracy/mean_class``, the top-1 accuracy averaged over the classes.
    """

    default_prefix = "accuracy"

    def __init__(self, topk: Sequence[int] = (1, 5), mean_class: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        if not topk or min(topk) < 1:
            raise UsageError(f"topk: {tuple(topk)} must be positive counts, such as (1, 5).")
        self.topk = tuple(topk)
        self.mean_class = mean_class
        self.levels: tuple[str, ...] = ()  # of a LayerwiseClsHead

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        labels = torch.stack([torch.as_tensor(sample["label"]) for sample in data_samples]).cpu()  # (B,)
        indices = torch.stack([torch.as_tensor(sample["index"]) for sample in data_samples]).cpu()
        predictions = [sample["pred_scores"] for sample in data_samples]
        if isinstance(predictions[0], Mapping):
            self.levels = tuple(predictions[0])
            every = [torch.stack([scores[level] for scores in predictions]) for level in self.levels]
        else:
            every = [torch.stack(predictions)]  # (B, num_classes)
        self.results.append(torch.stack([indices, labels, *(self._rank(each, labels) for each in every)], dim=1))

    def _rank(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the position of the label among the scores ``(B, num_classes)``, at most ``max(topk)``."""
        if max(self.topk) > scores.shape[1]:
            raise UsageError(
                f"topk: {self.topk} asks for more classes than the {scores.shape[1]} the model predicts; "
                f"use topk=(1,) or up to {scores.shape[1]}."
            )
        check_labels(labels, scores.shape[1])
        ranking = scores.topk(max(self.topk), dim=1).indices.cpu()  # (B, max k)
        rank = (ranking == labels[:, None]).int().argmax(1)  # also 0 where none is right; the next line corrects this
        rank[~(ranking == labels[:, None]).any(1)] = max(self.topk)
        return rank

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather ``(index, label, rank of the label per level)`` from all processes and drop repeated indices."""
        local = torch.cat(self.results) if self.results else None
        self.results.clear()
        gathered = all_gather_object((self.levels, local))
        self.levels = next((levels for levels, _ in gathered if levels), ())
        rows = [rows for _, rows in gathered if rows is not None]
        return {f"{self.prefix}/{name}": value for name, value in self.compute_metrics(rows).items()}

    def compute_metrics(self, results: list[Tensor]) -> dict[str, float]:
        if sum(map(len, results)) == 0:
            raise UsageError("Accuracy: no predictions to evaluate; the evaluation dataset is empty.")
        rows = torch.cat(results)
        _, inverse = rows[:, 0].unique(return_inverse=True)
        first = torch.full((int(inverse.max()) + 1,), len(rows)).scatter_reduce(
            0, inverse, torch.arange(len(rows)), "amin"
        )
        _, labels, *ranks = rows[first].T
        if not self.levels:
            return self._of_level(ranks[0], labels)
        each = {level: self._of_level(rank, labels) for level, rank in zip(self.levels, ranks, strict=True)}
        best = max(each, key=lambda level: each[level][f"top{min(self.topk)}"])
        number = re.fullmatch(r"(\D+)(\d+)", best)
        metrics = {f"{level}_{name}": value for level, values in each.items() for name, value in values.items()}
        metrics |= each[best]
        if number is not None:
            metrics[f"best_{number[1]}"] = float(number[2])
        return metrics

    def _of_level(self, rank: Tensor, labels: Tensor) -> dict[str, float]:
        metrics = {f"top{k}": 100.0 * (rank < k).double().mean().item() for k in self.topk}
        if self.mean_class:
            right = torch.bincount(labels, weights=(rank < 1).double())
            total = torch.bincount(labels)
            metrics["mean_class"] = 100.0 * (right[total > 0] / total[total > 0]).mean().item()
        return metrics
