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
class CrossEntropyHead(Head):
    """Mean cross-entropy for targets that are classes: tokens, colour bins, colour clusters.

    Args:
        scope: Predict and score the ``hidden`` patches or ``all``.
    """

    predicts_classes = True

    def __init__(self, scope: str = "hidden") -> None:
        super().__init__()
        self.scope = one_of("scope", scope, SCOPES)

    def loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Return loss and accuracy of ``prediction (B, n, P*K)`` and class ids ``target (B, n, P)``.

        Values whose ``weight``, of the target's shape, is 0 are not scored.
        """
        logits = prediction.unflatten(-1, (target.shape[-1], -1))  # (B,n,P,K)
        with full_precision(prediction.device.type):
            accurate = torch.promote_types(logits.dtype, torch.float32)
            error = F.cross_entropy(logits.flatten(0, 2).to(accurate), target.flatten(), reduction="none")
            weight = None if weight is None else weight.flatten()
            hits = (logits.detach().argmax(-1) == target).flatten().float()
            return dict(loss_tokens=masked_mean(error, weight), accuracy=100 * masked_mean(hits, weight))
