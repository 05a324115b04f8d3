"""How many directions the features of an encoder use, without labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError

EPSILON = 1e-7


def effective_rank(x: Tensor) -> float:
    """Return ``exp(entropy)`` of the singular values of ``x (M, D)``, which are divided by their sum (Roy & Vetterli).

    It lies between 1, where all rows are multiples of one, and the smaller of M and D.
    """
    sigma = torch.linalg.svdvals(x.double())
    p = sigma / sigma.sum().clamp_min(torch.finfo(sigma.dtype).tiny) + EPSILON
    return float(torch.exp(-(p * p.log()).sum()))


def feature_spectrum(x: Tensor) -> dict[str, float]:
    """Return three numbers that fall when features ``(M, D)`` collapse.

    Returns:
        ``rankme``: the :func:`effective_rank` of the features as they are, which is RankMe (Garrido et al. 2023);
        ``effective_rank``: that of the features minus their mean, which a large common part does not hide;
        ``spread``: the standard deviation of each dimension of the L2-normalised features, averaged, which is 0 where
        all features are the same and ``D ** -0.5`` where they point in all directions alike.
    """
    if len(x) < 2:
        raise UsageError(f"x: {len(x)} feature has no rank to speak of; at least 2 are needed")
    x = x.double()
    return dict(
        rankme=effective_rank(x),
        effective_rank=effective_rank(x - x.mean(0)),
        spread=float(F.normalize(x, dim=1).std(0).mean()),
    )
