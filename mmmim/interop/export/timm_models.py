"""Exports to timm: the printed code that builds timm's model of an encoder is also what builds it here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor

from mmmim.interop.encoder import Features, StoredEncoder, encoder_class
from mmmim.models.backbones import TimmModel

from .classifier import Classifier


def timm_model(encoder: StoredEncoder, classifier: Classifier | None = None) -> TimmModel:
    """Return timm's model of an encoder, with a classifier's pooling and norm if there is one."""
    pool, fc_norm = (None, False) if classifier is None else (classifier.pool, classifier.has_fc_norm)
    return encoder_class(encoder.kind).timm_model(encoder.meta, encoder.state, pool, fc_norm)


def timm_code(encoder: StoredEncoder, file: str | Path, classifier: Classifier | None = None) -> str:
    """Return code that makes ``model`` and loads ``file`` into it; it needs ``timm``, ``torch`` and ``partial``.

    Raises:
        UsageError: timm has no such model.
    """
    found = timm_model(encoder, classifier)
    if classifier is None and found.name:
        return f"model = timm.create_model({found.name!r}, num_classes=0, checkpoint_path={str(file)!r})"
    settings = dict(found.arguments, num_classes=0 if classifier is None else classifier.num_classes)
    arguments = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    lines = [f"model = timm.models.{found.path}({arguments})"]
    if not found.has_norm:
        lines.append("model.norm = torch.nn.Identity()")
    return "\n".join([*lines, f"model.load_state_dict(torch.load({str(file)!r}))"])


def timm_state(encoder: StoredEncoder, classifier: Classifier | None = None) -> dict[str, Tensor]:
    """Return the weights under timm's names, with those of the head if there is one."""
    found = timm_model(encoder, classifier)
    if classifier is None:
        return found.state
    weight, bias = classifier.linear()
    head = {f"{found.head}.weight": weight, f"{found.head}.bias": bias}
    return found.state | {f"{found.fc_norm}.{name}": value for name, value in classifier.fc_norm().items()} | head


def run_code(code: str) -> Any:
    """Run printed code and return its ``model``, in double precision."""
    names: dict[str, Any] = dict(timm=timm, torchvision=torchvision, torch=torch, partial=partial)
    exec(code, names)
    return names["model"].eval().double()


def build_timm(encoder: StoredEncoder, file: Path) -> Features:
    """Return a function from images to token features by timm's model with the weights of ``file``."""
    model = run_code(timm_code(encoder, file))

    def tokens(images: Tensor) -> Tensor:
        features = model.forward_features(images)
        if features.ndim == 3:
            return features
        is_channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC"
        return features.flatten(1, 2) if is_channels_last else features.flatten(2).transpose(1, 2)

    return tokens
