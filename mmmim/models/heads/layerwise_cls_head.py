from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from .base import ClsHead
from .cls_heads import LinearClsHead


@MODELS.register_module()
class LayerwiseClsHead(ClsHead):
    """One linear probe per output of the backbone, all trained in one pass over the images.

    Each level has norms, linear layer and loss of its own (:class:`LinearClsHead`). The losses are summed, which gives
    every probe the gradient that it would have in a training of its own, because nothing below the linear layers is
    trained. So the encoder has to be frozen, and anything that uses all gradients together, such as clipping by their
    norm, would tie the probes.

    Args:
        levels: Name and width of each output, in order; filled in from the backbone's ``out_indices``: ``block1``,
            ``block2``, … or, for Swin and ResNet, ``stage1``, …: numbers count from 1 as in papers.
        norm, init_std, loss, label_smoothing: As in :class:`LinearClsHead`.
    """

    def __init__(
        self,
        num_classes: int,
        levels: Mapping[str, int],
        *,
        norm: str | Sequence[str] = (),
        init_std: float = 0.01,
        loss: Literal["ce", "bce"] = "ce",
        label_smoothing: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not levels:
            raise UsageError("levels: name at least one output of the backbone, such as dict(block12=768)")
        self.num_classes = num_classes
        self.probes = nn.ModuleDict(
            {
                name: LinearClsHead(
                    num_classes, width, norm=norm, init_std=init_std, loss=loss, label_smoothing=label_smoothing
                )
                for name, width in levels.items()
            }
        )

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the logits ``(B, num_classes)`` of every level, from its pooled features ``(B, D_l)``."""
        return {name: probe(x) for (name, probe), x in zip(self.probes.items(), self._check(features), strict=True)}

    def loss(self, features: Sequence[Tensor], target: Tensor) -> dict[str, Tensor]:
        """Return the losses of all levels, ``loss_block8`` and so on, which MMEngine sums."""
        pairs = zip(self.probes.items(), self._check(features), strict=True)
        return {f"loss_{name}": probe.loss(x, target)["loss_cls"] for (name, probe), x in pairs}  # type: ignore[operator]

    def predict(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the class probabilities ``(B, num_classes)`` in fp32 of every level."""
        pairs = zip(self.probes.items(), self._check(features), strict=True)
        return {name: probe.predict(x) for (name, probe), x in pairs}  # type: ignore[operator]

    def _check(self, features: Sequence[Tensor]) -> Sequence[Tensor]:
        if len(features) != len(self.probes):
            raise UsageError(
                f"levels: {len(self.probes)} ({', '.join(self.probes)}), but the backbone gives {len(features)} outputs"
            )
        return features
