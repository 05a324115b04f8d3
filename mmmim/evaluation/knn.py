from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.classifiers.labels import check_labels
from mmmim.progress import track

DEFAULT_K = (10, 20, 100, 200)


def _nearest(
    train_x: Tensor, test_x: Tensor, k: int, test_chunk: int, train_chunk: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield cosine similarities and training ids ``(chunk, k)`` of the k nearest, best first, chunk by chunk.

    Both sides are chunked, so the memory is ``test_chunk * (train_chunk + k)`` whatever the size of the sets.
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
    """Raise a UsageError where a number of neighbours is not between 1 and the number of training samples."""
    if not k or min(k) < 1 or max(k) > num_train:
        raise UsageError(f"k: {tuple(k)} must lie in 1..{num_train}, the number of training samples.")


def choose_k(k: Sequence[int] | None, num_train: int) -> tuple[int, ...]:
    """Return ``k``, or the default values that do not exceed ``num_train`` where ``k`` is None.

    The log says which default values are left out. Where none of them fits, ``num_train`` itself is used.

    Raises:
        UsageError: A given ``k`` is larger than the number of images.
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
    """Return the values of ``k`` up to ``num_train``, or ``num_train`` alone where all of them are larger."""
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
    show_progress: bool = False,
) -> dict[int, Tensor]:
    """Return the class scores of the weighted k-NN classifier.

    The k training features of the highest cosine similarity vote for their class with the weight
    ``exp(similarity / temperature)``.

    Args:
        train_x: ``(M, D)`` at any scale; features are L2-normalised here, in fp32.
        train_y: ``(M,)`` class ids.
        test_x: ``(T, D)``.
        test_chunk, train_chunk: Numbers of images that are compared at a time, which bound the memory.

    Returns:
        The scores ``(T, num_classes)`` for each k.
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
    found = _nearest(train_x, test_x, ks[-1], test_chunk, train_chunk)
    if show_progress:
        found = track(found, "neighbours of the test images", len(test_x), size=lambda part: len(part[0]))
    for sim, ids in found:
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
    """Return the top-1 accuracy in percent for each k; the options are those of :func:`knn_scores`."""
    check_labels(test_y, name="test_y")
    scores = knn_scores(train_x, train_y, test_x, **options)  # type: ignore[arg-type]
    return {k: 100.0 * (s.argmax(1).cpu() == test_y.cpu()).double().mean().item() for k, s in scores.items()}
