from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from mmengine.model import BaseModule
from torch import Tensor, nn

from ..contract import Part


class Head(Part, nn.Module):
    """A base of heads, which compute losses from predictions and targets.

    Attributes:
        scope: Which outputs are predicted and scored: the ``hidden`` ones, ``all``, or ``weighted``, which predicts all
            and marks the hidden ones in ``weight (B, N)``.
        predicts_classes: Whether predictions are logits of classes and targets are class ids.
        predicts_binary: Whether predictions are logits and targets are 0 or 1.
        value_type: Type of the targets, a ``Tensor`` unless the target generator has another.
    """

    contract: ClassVar[tuple[str, ...]] = ("scope", "predicts_classes", "predicts_binary", "value_type", "loss")

    scope: str
    predicts_classes: bool = False
    predicts_binary: bool = False
    value_type: type = Tensor

    @abstractmethod
    def loss(self, prediction: Tensor, target: Any, *, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Return the losses, whose names contain ``loss``, and the other values to log.

        ``prediction (B, n, T)`` and ``target`` are of the same outputs. ``weight`` is given only if the scope is
        ``weighted`` or masks are finer than the outputs; a weight of 0 means that a value is not scored.
        """


class ContrastHead(Head):
    """A head that compares features with those of an :class:`EncoderTarget`, the keys.

    Attributes:
        contrasts_images: Whether it reads one feature of each image, not one of each patch.
    """

    contract: ClassVar[tuple[str, ...]] = (*Head.contract, "contrasts_images")

    scope = "weighted"
    contrasts_images: bool = False

    @abstractmethod
    def loss(  # type: ignore[override]
        self, queries: Tensor, keys: Tensor, where: Tensor | None = None, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the losses of ``queries (B, n, d)``, at outputs ``where (B, n)`` or at all, and ``keys (B, N, d)``."""


class ClsHead(Part, BaseModule):
    """A base of the heads of an ``ImageClassifier``, which compute classes and losses from pooled features."""

    contract: ClassVar[tuple[str, ...]] = ("num_classes", "forward", "loss", "predict")

    num_classes: int

    @abstractmethod
    def forward(self, features: Any) -> Any:
        """Return the logits ``(B, num_classes)`` of features ``(B, D)``."""

    @abstractmethod
    def loss(self, features: Any, target: Tensor) -> dict[str, Tensor]:
        """Return the losses for class ids ``(B,)`` or soft targets ``(B, num_classes)``."""

    @abstractmethod
    def predict(self, features: Any) -> Any:
        """Return the probabilities ``(B, num_classes)``."""
