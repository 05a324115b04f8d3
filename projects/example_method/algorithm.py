from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.algorithms import MaskedImageModel
from mmmim.registry import MODELS


@MODELS.register_module()
class MeanMatchingMIM(MaskedImageModel):
    """A masked image model with a second loss: the average over the scored, hidden patches has to be right too."""

    predicts = ("numbers",)

    def __init__(self, *args: Any, mean_weight: float = 0.1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if mean_weight < 0:
            raise UsageError(f"mean_weight={mean_weight} must not be negative")
        self.mean_weight = mean_weight

    def compare(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
        losses = super().compare(prediction, target, weight)
        if weight is not None:  # of masks finer than the encoder's outputs, 0 = visible
            prediction, target = prediction * weight, target * weight
        losses["loss_mean"] = self.mean_weight * F.mse_loss(prediction.mean(1), target.mean(1))
        return losses
