from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import one_of
from mmmim.registry import MODELS

from ..layers import full_precision
from .base import Head
from .reconstruction import SCOPES, masked_mean


@MODELS.register_module()
class BinaryCrossEntropyHead(Head):
    """Mean binary cross-entropy of logits, for targets that are 0 or 1.

    Args:
        scope: Predict and score the ``hidden`` patches or ``all``.
    """

    predicts_binary = True

    def __init__(self, scope: str = "all") -> None:
        super().__init__()
        self.scope = one_of("scope", scope, SCOPES)

    def loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Return loss and accuracy of ``prediction``, ``target (B, n, P)``.

        Values whose ``weight`` is 0 are not scored.
        """
        with full_precision(prediction.device.type):
            accurate = torch.promote_types(prediction.dtype, torch.float32)
            error = F.binary_cross_entropy_with_logits(prediction.to(accurate), target.to(accurate), reduction="none")
            hits = ((prediction.detach() > 0) == (target > 0.5)).float()
            return dict(loss_replaced=masked_mean(error, weight), accuracy=100 * masked_mean(hits, weight))
