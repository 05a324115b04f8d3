from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import full_precision
from .base import Head

LOSSES = dict(l1=F.l1_loss, l2=F.mse_loss, smooth_l1=F.smooth_l1_loss)
SCOPES = ("hidden", "all")


def masked_mean(error: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of ``error`` where ``weight`` (0 or 1, same shape) is 1, or everywhere; 0 if there is nothing."""
    if weight is not None:
        return (error * weight).sum() / weight.sum().clamp_min(1)
    return error.mean() if error.numel() else error.sum()


@MODELS.register_module()
class ReconstructionHead(Head):
    """The mean error over target values and predicted patches; every image predicts the same number of patches.

    Args:
        loss: ``l2`` (MAE; Eq. 9 of ccMIM), ``l1`` (SimMIM) or ``smooth_l1`` (beta 1), or a weighted sum of them:
            ``dict(l1=1, l2=1)`` (CIM).
        scope: Predict and score the ``hidden`` patches or ``all``.
    """

    def __init__(self, loss: str | dict[str, float] = "l2", scope: str = "hidden") -> None:
        super().__init__()
        weights = {loss: 1.0} if isinstance(loss, str) else dict(loss)
        self.errors = [(LOSSES[one_of("loss", name, LOSSES)], weight) for name, weight in weights.items()]
        if not self.errors:
            raise UsageError(f"loss={loss!r} names no error; choose from {list(LOSSES)}")
        self.scope = one_of("scope", scope, SCOPES)

    def loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Return the loss of ``prediction`` and ``target``, both ``(B, n, T)`` at the same patches.

        Values whose ``weight``, of the same shape, is 0 are not scored.
        """
        with full_precision(prediction.device.type):
            accurate = torch.promote_types(prediction.dtype, torch.float32)
            values, wanted = prediction.to(accurate), target.to(accurate)
            terms = [
                factor * masked_mean(error(values, wanted, reduction="none"), weight) for error, factor in self.errors
            ]
            return dict(loss_reconstruction=torch.stack(terms).sum() if len(terms) > 1 else terms[0])
