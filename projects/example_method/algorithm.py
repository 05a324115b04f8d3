from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from mmmim.models.algorithms import MaskedImageModel
from mmmim.models.layers import PatchMask
from mmmim.registry import MODELS


@MODELS.register_module()
class MeanMatchingMIM(MaskedImageModel):
    """A second loss asks that the hidden patches are right on average, too."""

    def __init__(self, *args: Any, mean_weight: float = 0.1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mean_weight = mean_weight

    def reconstruction_loss(self, images: Tensor, latent: Tensor, mask: PatchMask | None) -> dict[str, Tensor]:
        where = None if mask is None else mask.hidden  # (B,K)
        prediction = self.neck(latent, mask, where)  # (B,K,T)
        target = self.target_generator(images, where)  # (B,K,T)
        losses = self.head.loss(prediction, target)
        losses["loss_mean"] = self.mean_weight * F.mse_loss(prediction.mean(1), target.mean(1))
        return losses
