"""Exports to timm: a folder that ``timm.create_model`` opens, or a file of weights and the code that loads it."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mmmim.checkpoint.reader import read_file
from mmmim.errors import UsageError
from mmmim.interop.encoder import Features, StoredEncoder, encoder_class
from mmmim.models.backbones.timm_model import Code, TimmModel

from .classifier import Classifier
from .preprocessing import preprocessing
from .target import Target


def timm_model(encoder: StoredEncoder, classifier: Classifier | None = None) -> TimmModel:
    """Return timm's model of an encoder, with a classifier's pooling and norm if there is one."""
    pool, fc_norm = (None, False) if classifier is None else (classifier.pool, classifier.has_fc_norm)
    return encoder_class(encoder.kind).timm_model(encoder.meta, encoder.state, pool, fc_norm)


def timm_state(encoder: StoredEncoder, classifier: Classifier | None = None) -> dict[str, Tensor]:
    """Return the weights under timm's names, with those of the head if there is one."""
    found = timm_model(encoder, classifier)
    if classifier is None:
        return found.state
    weight, bias = classifier.linear()
    head = {f"{found.head}.weight": weight, f"{found.head}.bias": bias}
    return found.state | {f"{found.fc_norm}.{name}": value for name, value in classifier.fc_norm().items()} | head


def _num_classes(classifier: Classifier | None) -> int:
    return 0 if classifier is None else classifier.num_classes


# ---------------------------------------------------------------- a folder


def folder_code(encoder: StoredEncoder, folder: Path, classifier: Classifier | None = None) -> str:
    """Return the line that opens the folder.

    Raises:
        UsageError: timm's registry has no such model, or the checkpoint does not say how images are normalised.
    """
    found = timm_model(encoder, classifier)
    if found.architecture is None:
        raise UsageError(
            f"--to timm: its registry has no name for a {encoder.kind} (TimmModel.architecture); name a file, "
            f"--out {folder}.pth"
        )
    if not found.has_norm:
        raise UsageError(
            "--to timm: this encoder has no final norm, which timm's registry can only leave out of a Beit with "
            f"--with-head; name a file, --out {folder}.pth"
        )
    preprocessing(encoder, "timm")
    return f'model = timm.create_model("local-dir:{folder}", pretrained=True)'


def write_folder(encoder: StoredEncoder, folder: Path, classifier: Classifier | None = None) -> None:
    """Write ``config.json`` and ``model.safetensors`` by timm's own functions."""
    found, images = timm_model(encoder, classifier), preprocessing(encoder, "timm")
    arguments: Any = dict(found.plain_arguments, num_classes=_num_classes(classifier))
    assert found.architecture is not None  # folder_code has checked it
    model = timm.create_model(found.architecture, pretrained_cfg=_traits(found.architecture), **arguments)
    model.load_state_dict(timm_state(encoder, classifier))
    height, width = images.size
    data = dict(
        input_size=(encoder.meta["in_channels"], height, width),
        mean=images.mean,
        std=images.std,
        crop_pct=images.crop_ratio,
        interpolation=images.interpolation,
        crop_mode="center",
    )
    config: dict[str, Any] = dict(num_classes=_num_classes(classifier))
    if classifier is not None and len(encoder.classes) == classifier.num_classes:
        config["label_names"] = list(encoder.classes)
    timm.models.save_for_hf(
        model, str(folder), model_config=config, model_args=arguments, safe_serialization=True, data_config=data
    )


def _traits(architecture: str) -> dict[str, Any]:
    """Return what timm knows of an architecture's modules, without what belongs to its published weights."""
    known = timm.get_pretrained_cfg(architecture, allow_unregistered=False).to_dict()  # type: ignore[union-attr]
    names = ("architecture", "fixed_input_size", "pool_size", "first_conv", "classifier")
    return {name: known[name] for name in names if name in known}


def run_folder(encoder: StoredEncoder, folder: Path, classifier: Classifier | None = None) -> Features:
    """Return what the model of the folder computes."""
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval().double()
    return model if classifier is not None else _tokens(model)


# ---------------------------------------------------------------- a file


def file_code(encoder: StoredEncoder, file: Path, classifier: Classifier | None = None) -> str:
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
    load = "safetensors.torch.load_file" if file.suffix == ".safetensors" else "torch.load"
    return "\n".join([*lines, f"model.load_state_dict({load}({str(file)!r}))"])


def write_weights(encoder: StoredEncoder, file: Path, classifier: Classifier | None = None) -> None:
    """Write the weights under timm's names; the suffix ``.safetensors`` chooses that format."""
    state = timm_state(encoder, classifier)
    if file.suffix == ".safetensors":
        save_file({name: value.contiguous() for name, value in state.items()}, file)
    else:
        torch.save(state, file)


def _arguments(found: TimmModel, classifier: Classifier | None) -> dict[str, Any]:
    return dict(found.arguments, num_classes=_num_classes(classifier))


def _build(encoder: StoredEncoder, file: Path, classifier: Classifier | None) -> nn.Module:
    """Return the model of :func:`file_code` with the weights of ``file``, in double precision."""
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


def run_file(encoder: StoredEncoder, file: Path, classifier: Classifier | None = None) -> Features:
    """Return what timm's model with the weights of ``file`` computes."""
    model = _build(encoder, file, classifier)
    return model if classifier is not None else _tokens(model)


def _tokens(model: Any) -> Features:
    def tokens(images: Tensor) -> Tensor:
        features = model.forward_features(images)
        if features.ndim == 3:
            return features
        is_channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC"
        return features.flatten(1, 2) if is_channels_last else features.flatten(2).transpose(1, 2)

    return tokens


TIMM_FILE = Target(file_code, write_weights, run_file, ("classifier",))
TIMM_FOLDER = Target(folder_code, write_folder, run_folder, ("classifier",), is_folder=True)
