"""Exports to timm: builds timm's model of an encoder, and prints the code that does the same."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from mmmim.checkpoint.reader import read_file
from mmmim.interop.encoder import Features, StoredEncoder, encoder_class
from mmmim.models.backbones.timm_model import Code, TimmModel

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
    arguments = ", ".join(f"{key}={value!r}" for key, value in _arguments(found, classifier).items())
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


def _arguments(found: TimmModel, classifier: Classifier | None) -> dict[str, Any]:
    return dict(found.arguments, num_classes=0 if classifier is None else classifier.num_classes)


def build_timm_model(encoder: StoredEncoder, file: Path, classifier: Classifier | None = None) -> nn.Module:
    """Return the model of :func:`timm_code` with the weights of ``file``, in double precision."""
    found = timm_model(encoder, classifier)
    if classifier is None and found.name:
        model: Any = timm.create_model(found.name, num_classes=0)
    else:
        settings = _arguments(found, classifier)
        values = {key: value.value if isinstance(value, Code) else value for key, value in settings.items()}
        model = attrgetter(found.path)(timm.models)(**values)
        if not found.has_norm:
            model.norm = nn.Identity()
    model.load_state_dict(read_file(file))
    return model.eval().double()


def build_timm(encoder: StoredEncoder, file: Path) -> Features:
    """Return a function from images to token features by timm's model with the weights of ``file``."""
    model: Any = build_timm_model(encoder, file)

    def tokens(images: Tensor) -> Tensor:
        features = model.forward_features(images)
        if features.ndim == 3:
            return features
        is_channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC"
        return features.flatten(1, 2) if is_channels_last else features.flatten(2).transpose(1, 2)

    return tokens
