from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmmim.registry import METRICS

from .labels import check_labels


@METRICS.register_module()
class Accuracy(BaseMetric):
    """Top-k accuracy in percent: ``accuracy/top1``, ``accuracy/top5``, …

    Samples are identified by their index over all ranks, so what a sampler pads or repeats counts once.

    Args:
        mean_class: also report ``accuracy/mean_class``, the top-1 accuracy averaged over the classes.
    """

    default_prefix = "accuracy"

    def __init__(self, topk: Sequence[int] = (1, 5), mean_class: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        if not topk or min(topk) < 1:
            raise ValueError(f"topk: {tuple(topk)} must be positive counts, such as (1, 5).")
        self.topk = tuple(topk)
        self.mean_class = mean_class

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        scores = torch.stack([sample["pred_scores"] for sample in data_samples])  # (B, num_classes)
        labels = torch.stack([torch.as_tensor(sample["label"]) for sample in data_samples])  # (B,)
        indices = torch.stack([torch.as_tensor(sample["index"]) for sample in data_samples])
        if max(self.topk) > scores.shape[1]:
            raise ValueError(
                f"topk: {self.topk} asks for more classes than the {scores.shape[1]} the model predicts; "
                f"use topk=(1,) or up to {scores.shape[1]}."
            )
        labels = labels.cpu()
        check_labels(labels, scores.shape[1])
        ranking = scores.topk(max(self.topk), dim=1).indices.cpu()  # (B, max k)
        rank = (ranking == labels[:, None]).int().argmax(1)  # 0 where the first or none is right
        rank[~(ranking == labels[:, None]).any(1)] = max(self.topk)
        self.results.append(torch.stack([indices.cpu(), labels, rank], dim=1))

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather ``(index, label, rank of the label)`` of all processes; repeated indices are dropped."""
        local = torch.cat(self.results) if self.results else torch.empty(0, 3, dtype=torch.long)
        self.results.clear()
        rows: Tensor = torch.cat(all_gather_object(local))
        return {f"{self.prefix}/{name}": value for name, value in self.compute_metrics([rows]).items()}

    def compute_metrics(self, results: list[Tensor]) -> dict[str, float]:
        rows = torch.cat(results)
        if len(rows) == 0:
            raise ValueError("Accuracy: no predictions to evaluate; the evaluation dataset is empty.")
        _, inverse = rows[:, 0].unique(return_inverse=True)
        first = torch.full((int(inverse.max()) + 1,), len(rows)).scatter_reduce(
            0, inverse, torch.arange(len(rows)), "amin"
        )
        _, labels, rank = rows[first].T
        metrics = {f"top{k}": 100.0 * (rank < k).double().mean().item() for k in self.topk}
        if self.mean_class:
            right = torch.bincount(labels, weights=(rank < 1).double())
            total = torch.bincount(labels)
            metrics["mean_class"] = 100.0 * (right[total > 0] / total[total > 0]).mean().item()
        return metrics
