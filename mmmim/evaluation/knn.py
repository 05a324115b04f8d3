from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.classifiers.labels import check_labels

DEFAULT_K = (10, 20, 100, 200)


def _nearest(
    train_x: Tensor, test_x: Tensor, k: int, test_chunk: int, train_chunk: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Cosine similarities and train ids ``(chunk, k)`` of the k nearest, best first, chunk by chunk.

    Both sides are chunked, so memory is ``test_chunk * (train_chunk + k)`` whatever the size of the sets.
    """
    for queries in test_x.split(test_chunk):
        best_sim = best_id = None
        for start in range(0, len(train_x), train_chunk):
            sim = queries @ train_x[start : start + train_chunk].T  # (chunk, train_chunk)
            sim, ids = sim.topk(min(k, sim.shape[1]), dim=1)
            ids = ids + start
            if best_sim is not None and best_id is not None:
                sim, order = torch.cat([best_sim, sim], 1).topk(min(k, best_sim.shape[1] + sim.shape[1]), dim=1)
                ids = torch.cat([best_id, ids], 1).gather(1, order)
            best_sim, best_id = sim, ids
        assert best_sim is not None and best_id is not None
        yield best_sim, best_id


def check_k(k: Sequence[int], num_train: int) -> None:
    if not k or min(k) < 1 or max(k) > num_train:
        raise UsageError(f"k: {tuple(k)} must lie in 1..{num_train}, the number of training samples.")


def choose_k(k: Sequence[int] | None, num_train: int) -> tuple[int, ...]:
    """``k``, or for None those of the default that ``num_train`` images have, all images where that is none.

    The log says which of the default are left out.

    Raises:
        UsageError: a given ``k`` is larger than the number of images.
    """
    if k is not None:
        check_k(k, num_train)
        return tuple(k)
    fitting = fitting_k(DEFAULT_K, num_train)
    if fitting != DEFAULT_K:
        print_log(
            f"k-NN: there are {num_train} training images, so k is {' '.join(map(str, fitting))}, not "
            f"{' '.join(map(str, DEFAULT_K))}",
            logger="current",
        )
    return fitting


def fitting_k(k: Sequence[int], num_train: int) -> tuple[int, ...]:
    """Those of ``k`` that are not larger than ``num_train``, which takes their place where all are."""
    return tuple(each for each in k if each <= num_train) or (num_train,)


@torch.no_grad()
def knn_scores(
    train_x: Tensor,
    train_y: Tensor,
    test_x: Tensor,
    *,
    k: Sequence[int] = DEFAULT_K,
    temperature: float = 0.07,
    num_classes: int | None = None,
    test_chunk: int = 1024,
    train_chunk: int = 65536,
) -> dict[int, Tensor]:
    """Class scores of the weighted k-NN classifier: the k training features of the highest cosine similarity
    vote for their class with weight ``exp(similarity / temperature)``.

    Args:
        train_x: ``(M, D)``, any scale: features are L2-normalised here, in fp32.
        train_y: ``(M,)`` class ids.
        test_x: ``(T, D)``.

    Returns:
        For each k the scores ``(T, num_classes)``.
    """
    check_k(k, len(train_x))
    ks = sorted(set(k))
    if temperature <= 0:
        raise UsageError(f"temperature: {temperature} must be positive; 0.07 is the usual value.")
    if train_x.shape[1] != test_x.shape[1]:
        raise UsageError(
            f"test_x: {test_x.shape[1]} feature dims, train_x has {train_x.shape[1]}; "
            "use the same encoder and pool for both."
        )
    check_labels(train_y, num_classes, "train_y")
    classes = num_classes or int(train_y.max()) + 1
    train_x = F.normalize(train_x.float(), dim=1)
    test_x = F.normalize(test_x.float(), dim=1)
    train_y = train_y.to(train_x.device)

    scores: dict[int, list[Tensor]] = {each: [] for each in ks}
    for sim, ids in _nearest(train_x, test_x, ks[-1], test_chunk, train_chunk):
        # a common factor per test sample changes no vote and keeps exp() finite at low temperatures
        weights = ((sim - sim[:, :1]) / temperature).exp()  # (chunk, k)
        labels = train_y[ids]  # (chunk, k)
        for each in ks:
            votes = weights.new_zeros(len(sim), classes)
            scores[each].append(votes.scatter_add_(1, labels[:, :each], weights[:, :each]))
    return {each: torch.cat(parts) for each, parts in scores.items()}


def knn_accuracy(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, **options: object
) -> dict[int, float]:
    """Top-1 accuracy in percent for each k; options as :func:`knn_scores`."""
    check_labels(test_y, name="test_y")
    scores = knn_scores(train_x, train_y, test_x, **options)  # type: ignore[arg-type]
    return {k: 100.0 * (s.argmax(1).cpu() == test_y.cpu()).double().mean().item() for k, s in scores.items()}
