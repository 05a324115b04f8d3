from __future__ import annotations

from typing import Any

from mmengine.model import BaseModel
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from mmmim.errors import UsageError, one_of
from mmmim.models.classifiers.labels import check_classes, check_labels
from mmmim.registry import MODELS, build_part

from ..backbones import Encoder
from ..heads.base import ClsHead
from ..heads.layerwise_cls_head import LayerwiseClsHead


@MODELS.register_module()
class ImageClassifier(BaseModel):
    """A classifier: backbone, optional neck, pooled features ``(B, D)``, and a classification head.

    It reads the last output of the backbone, ``(B, D)`` as it is and feature maps ``(B, D, h, w)`` averaged. For
    a ViT, ``out_type='avg', final_norm=False`` with the head's ``norm='ln'`` is MAE's global pooling and
    ``out_type='cls'`` the normed class token. Only ``backbone.`` belongs to the pre-trained checkpoint; every
    norm after the pooling is the head's. ``backbone.frozen_stages=depth`` makes it a linear probe, with a
    ``ProbeBlocks`` neck a non-linear and with ``AttentivePooling`` an attentive one. A ``LayerwiseClsHead`` reads all
    outputs, one for each of ``backbone.out_indices``.
    """

    def __init__(
        self,
        backbone: dict | nn.Module,
        head: dict | nn.Module,
        neck: dict | nn.Module | None = None,
        data_preprocessor: dict | nn.Module | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone: Any = _build(backbone)
        self.neck = None if neck is None else _build(neck, **self._facts())
        levels = self.backbone.level_dims() if isinstance(self.backbone, Encoder) else {}
        self.head = ClsHead.fits("head", _build(head, levels=levels))
        trains = any(parameter.requires_grad for parameter in self.backbone.parameters())
        self.stage = "ft" if trains else "ssl"  # the training that a checkpoint's encoder has had
        self.all_levels = isinstance(self.head, LayerwiseClsHead)
        if self.all_levels and trains:
            raise UsageError(
                f"{type(self.head).__name__} probes a frozen encoder: set backbone.frozen_stages="
                f"{self.backbone.freezable_stages} (now {self.backbone.frozen_stages})"
            )
        # Before this hook the batch is on the host, so reading its labels does not synchronise with the device.
        self.data_preprocessor.register_forward_pre_hook(self._check_labels)

    def _facts(self) -> dict[str, Any]:
        """Return the backbone's facts, as far as it has them, for arguments that a neck may leave open."""
        known = dict(in_dims="embed_dims", num_heads="num_heads", num_prefix="num_prefix")
        return {name: getattr(self.backbone, fact) for name, fact in known.items() if hasattr(self.backbone, fact)}

    def check_dataset(self, dataset: Any) -> None:
        """Raise ``UsageError`` unless data and head have as many classes; the training loop calls it first."""
        check_classes(getattr(dataset, "classes", ()), self.head.num_classes)

    def _check_labels(self, module: nn.Module, arguments: tuple) -> None:
        labels = arguments[0].get("labels")
        if self.training and labels is not None and not isinstance(labels, FakeTensor):  # a dry run has no values
            check_labels(labels, self.head.num_classes)

    def extract_features(self, inputs: Tensor) -> Tensor | list[Tensor]:
        """Return pooled features ``(B, D)`` of the last output, or for a ``LayerwiseClsHead`` a list of all."""
        outputs = self.backbone(inputs)
        if self.neck is not None:
            outputs = self.neck(outputs)
        if self.all_levels:
            return [_pooled(output) for output in outputs]
        return _pooled(outputs[-1] if isinstance(outputs, (tuple, list)) else outputs)

    def forward(
        self,
        inputs: Tensor,
        labels: Tensor | None = None,
        indices: Tensor | None = None,
        mode: str = "tensor",
    ) -> Any:
        """Return what ``mode`` asks for: losses, predictions or logits.

        ``loss`` gives a dict of losses, ``predict`` a list of ``dict(pred_scores, label, index)`` and ``tensor`` the
        logits. Scores and logits of a ``LayerwiseClsHead`` are dicts with an entry per level.
        """
        one_of("mode", mode, ("loss", "predict", "tensor"))
        if mode == "tensor":
            return self.head(self.extract_features(inputs))
        if mode == "loss":
            if labels is None:
                raise UsageError("labels: missing from the batch; classification needs a labelled dataset.")
            return self.head.loss(self.extract_features(inputs), labels)
        scores = self.head.predict(self.extract_features(inputs))  # (B, num_classes)
        if self.all_levels:
            scores = [dict(zip(scores, row, strict=True)) for row in zip(*scores.values(), strict=True)]
        unknown = [None] * len(scores)
        columns = (scores, unknown if labels is None else labels, unknown if indices is None else indices)
        return [dict(pred_scores=s, label=y, index=i) for s, y, i in zip(*columns, strict=True)]


def _pooled(features: Tensor) -> Tensor:
    if features.ndim == 4:
        return features.mean((2, 3))
    if features.ndim == 3:
        raise UsageError("ImageClassifier: the backbone returns tokens; set backbone.out_type='avg' or 'cls'.")
    return features  # (B, D)


def _build(part: dict | nn.Module, **known: Any) -> nn.Module:
    return build_part(part, **known) if isinstance(part, dict) else part
