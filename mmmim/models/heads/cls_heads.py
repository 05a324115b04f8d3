from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from timm.layers import trunc_normal_
from timm.loss import BinaryCrossEntropy
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import at_least_fp32
from .base import ClsHead

NORMS = {
    "ln": lambda dims: nn.LayerNorm(dims, eps=1e-6),
    "ln_fixed": lambda dims: nn.LayerNorm(dims, eps=1e-6, elementwise_affine=False),
    "bn": lambda dims: nn.BatchNorm1d(dims, affine=False, eps=1e-6),
}


@MODELS.register_module()
class LinearClsHead(ClsHead):
    """A linear layer, after optional norms, with a classification loss on pooled features ``(B, in_channels)``.

    Args:
        norm: norms before the linear layer, in order: ``'ln'`` (MAE's ``fc_norm``), ``'ln_fixed'`` (the same
            without weights, for linear probes), ``'bn'`` (batch norm without weights, MAE's linear probe).
        init_std: deviation of the truncated normal weights; 2e-5 for fine-tuning, 0.01 for linear probes.
        loss: ``'ce'`` cross-entropy or ``'bce'`` one binary cross-entropy per class; both take class ids
            ``(B,)`` or the soft targets ``(B, num_classes)`` of mixup and cutmix.
        label_smoothing: s in ``(1 - s) * target + s / num_classes``, also on soft targets.
        bce_threshold: with ``'bce'``, targets above it count as 1, the others as 0.
        bce_sum_classes: with ``'bce'``, sum over the classes before averaging over the batch.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        norm: str | Sequence[str] = (),
        init_std: float = 0.01,
        loss: Literal["ce", "bce"] = "ce",
        label_smoothing: float = 0.0,
        bce_threshold: float | None = None,
        bce_sum_classes: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        norms = [norm] if isinstance(norm, str) else list(norm)
        norms = [one_of("norm", name, NORMS) for name in norms]
        if num_classes < 2:
            raise UsageError(f"num_classes: {num_classes} must be at least 2.")
        one_of("loss", loss, ("ce", "bce"))
        if not 0 <= label_smoothing < 1:
            raise UsageError(f"label_smoothing: {label_smoothing} must lie in [0, 1).")
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.norm = nn.Sequential(*(NORMS[name](in_channels) for name in norms))
        self.fc = nn.Linear(in_channels, num_classes)
        trunc_normal_(self.fc.weight, std=init_std)
        nn.init.zeros_(self.fc.bias)
        self.bce = BinaryCrossEntropy(0.0, bce_threshold, sum_classes=bce_sum_classes) if loss == "bce" else None

    def forward(self, features: Tensor) -> Tensor:
        if self.training and len(features) == 1 and any(isinstance(m, nn.BatchNorm1d) for m in self.norm):
            raise UsageError(
                "LinearClsHead: norm='bn' cannot train on a batch of 1; use a larger "
                "train_dataloader.batch_size or drop_last=True."
            )
        return self.fc(self.norm(features))  # (B, num_classes)

    def loss(self, features: Tensor, target: Tensor) -> dict[str, Tensor]:
        logits = at_least_fp32(self(features))
        if self.bce is None:
            return {"loss_cls": F.cross_entropy(logits, target, label_smoothing=self.label_smoothing)}
        soft = F.one_hot(target, self.num_classes).to(logits) if target.ndim == 1 else target.to(logits)
        soft = soft * (1 - self.label_smoothing) + self.label_smoothing / self.num_classes
        return {"loss_cls": self.bce(logits, soft)}

    def predict(self, features: Tensor) -> Tensor:
        """Return the class probabilities ``(B, num_classes)`` in fp32."""
        logits = at_least_fp32(self(features))
        return logits.softmax(1) if self.bce is None else logits.sigmoid()
