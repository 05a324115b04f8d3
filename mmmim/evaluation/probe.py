from __future__ import annotations

import warnings

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.classifiers.labels import check_labels

C_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
HOLD_OUT = 0.2
MAX_ITER = 300


def _fit(x, y, c: float) -> Pipeline:
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=MAX_ITER))
    with warnings.catch_warnings():  # a weakly regularised fit that stops early remains a candidate
        warnings.simplefilter("ignore", ConvergenceWarning)
        return probe.fit(x, y)


def choose_c(x, y, seed: int) -> float:
    """Return the C with the best accuracy on a stratified fifth of the training set; ties go to the smaller C."""
    fit_x, held_x, fit_y, held_y = train_test_split(x, y, test_size=HOLD_OUT, random_state=seed, stratify=y)
    scores = [_fit(fit_x, fit_y, c).score(held_x, held_y) for c in C_GRID]
    return C_GRID[scores.index(max(scores))]


def linear_probe(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, seed: int = 0, c: float | None = None
) -> float:
    """Return the test accuracy in percent of a multinomial logistic regression on frozen, standardised features.

    Mean and standard deviation are those of the training features. The L2 strength is chosen on a hold-out set of them
    (drawn by ``seed``), and the model is then fitted again on all of them. The test set is used once, at the end.

    Args:
        c: Inverse L2 strength (scikit-learn's ``C``), which is then not chosen.
    """
    for name, labels in (("train_y", train_y), ("test_y", test_y)):
        check_labels(labels, name=name)
    counts = torch.bincount(train_y.cpu())
    if (counts > 0).sum() < 2:
        raise UsageError("train_y: only one class is present; a probe needs at least two.")
    rarest = int(counts[counts > 0].min())
    if c is None and (rarest < 2 or HOLD_OUT * len(train_y) < (counts > 0).sum()):
        raise UsageError(
            f"train_y: {len(train_y)} samples, {rarest} in the rarest class; the probe needs 2 of each class "
            f"and {int((counts > 0).sum() / HOLD_OUT)} in all for its hold-out."
        )
    x, y = train_x.double().cpu().numpy(), train_y.cpu().numpy()
    probe = _fit(x, y, choose_c(x, y, seed) if c is None else c)
    return 100.0 * float(probe.score(test_x.double().cpu().numpy(), test_y.cpu().numpy()))
