"""Exports the head of a fine-tuned or probed classifier to libraries whose models have a head too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmmim.checkpoint.names import strip_prefix
from mmmim.errors import UsageError
from mmmim.interop.encoder import StoredEncoder


class Classifier(NamedTuple):
    """The head after the blocks: the mean of the patches (``avg``) or the class token (``cls``), a norm, a layer."""

    pool: str
    norm: str | None  # a norm of LinearClsHead
    state: dict[str, Tensor]  # the tensors of LinearClsHead

    @property
    def num_classes(self) -> int:
        """Return the number of classes."""
        return len(self.state["fc.weight"])

    @property
    def has_fc_norm(self) -> bool:
        """Return whether a layer norm follows the pooling."""
        return self.norm in ("ln", "ln_fixed")

    def linear(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the last layer; a batch norm before it is folded in."""
        weight, bias = self.state["fc.weight"], self.state["fc.bias"]
        if self.norm != "bn":
            return weight, bias
        mean, var = (self.state[f"norm.0.running_{kind}"].double() for kind in ("mean", "var"))
        scaled = weight.double() / (var + 1e-6).sqrt()
        return scaled.float(), (bias.double() - scaled @ mean).float()

    def fc_norm(self) -> dict[str, Tensor]:
        """Return weight and bias of the layer norm after the pooling; empty without one."""
        if self.norm == "ln":
            return {kind: self.state[f"norm.0.{kind}"] for kind in ("weight", "bias")}
        dims = self.state["fc.weight"].shape[1]
        return dict(weight=torch.ones(dims), bias=torch.zeros(dims)) if self.norm == "ln_fixed" else {}


def read_classifier(encoder: StoredEncoder) -> Classifier:
    """Return the head of the checkpoint.

    Raises:
        UsageError: there is none, or it is not a single layer on pooled features.
    """
    state = strip_prefix(dict(encoder.others), "head.")
    parts = (encoder.settings.get(part) for part in ("backbone", "head"))
    backbone, head = (part if isinstance(part, Mapping) else {} for part in parts)
    if "fc.weight" not in state:
        raise UsageError("--with-head: the checkpoint holds no head of a classifier; leave the option out")
    if "out_type" not in backbone:
        raise UsageError(
            "--with-head: the checkpoint does not say what its head sees (the config is missing in its meta)"
        )
    if encoder.settings.get("neck") or any(name.startswith("neck.") for name in encoder.others):
        raise UsageError("--with-head: between encoder and head is a neck, for which other libraries have no place")
    norms = head.get("norm") or ()
    norms = [norms] if isinstance(norms, str) else list(norms)
    fc_norm = {name: encoder.others.get(f"backbone.fc_norm.{name}") for name in ("weight", "bias")}
    if backbone.get("fc_norm"):  # the same norm, stored with the encoder
        norms.append("ln")
        state |= {f"norm.0.{name}": value for name, value in fc_norm.items() if value is not None}
    if len(norms) > 1:
        raise UsageError(f"--with-head: the head has the norms {norms}, other libraries' have one at most")
    pool = "cls" if backbone.get("out_type") == "cls" else "avg"
    found = Classifier(pool, norms[0] if norms else None, state)
    if found.has_fc_norm and encoder.has_norm:
        raise UsageError("--with-head: the pooled features are normed twice; other libraries' models do it once")
    return found


def build_classifier(encoder: StoredEncoder, classifier: Classifier) -> nn.Module:
    """Return mmmim's own classifier, in double precision."""
    from mmmim.models.classifiers import ImageClassifier

    model = ImageClassifier(
        backbone=dict(encoder.arguments, type=f"mmmim.{encoder.kind}", out_type=classifier.pool),
        head=dict(
            type="mmmim.LinearClsHead",
            num_classes=classifier.num_classes,
            in_channels=classifier.state["fc.weight"].shape[1],
            norm=classifier.norm or (),
        ),
    )
    weights = {f"backbone.{name}": value for name, value in encoder.state.items()}
    model.load_state_dict(weights | {f"head.{name}": value for name, value in classifier.state.items()})
    return model.eval().double()
