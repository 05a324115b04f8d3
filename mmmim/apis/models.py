"""Build the encoders of shipped models and of configs, and load those of checkpoints."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config

from mmmim.checkpoint.names import stored_facts
from mmmim.checkpoint.reader import read_outline
from mmmim.config.find import find_config
from mmmim.config.types import accepted_arguments, default_scope
from mmmim.datasets.pixel_values import check_value_range
from mmmim.errors import MISSPELT, UsageError, did_you_mean, nearest
from mmmim.evaluation.features import POOLS
from mmmim.evaluation.frozen import load_encoder as load_weights
from mmmim.interop.encoder import encoder_class, read_encoder
from mmmim.launch.options import load_config
from mmmim.models.backbones import Encoder
from mmmim.models.data_preprocessors import ImagePreprocessor
from mmmim.registry import MODELS
from mmmim.visualization.sources import checkpoint_file

from .encoder import ImageEncoder
from .weights import fetch
from .zoo import list_models

Path_ = str | os.PathLike[str]
STATISTICS = ("mean", "std")


def get_model(
    name: Path_ | Config,
    checkpoint: Path_ | None = None,
    pretrained: bool = False,
    *,
    pool: str | None = None,
    **options: Any,
) -> ImageEncoder:
    """Return the encoder of a shipped model or of a config, in eval mode.

    Args:
        name: A name that :func:`list_models` returns, such as ``mae/vit-b_800e``, the path of a config, or a config.
        checkpoint: A checkpoint file, or the folder of a run, whose weights are loaded. Position embeddings are
            resized.
        pretrained: Load the published weights; see :func:`~mmmim.apis.weights.fetch`.
        pool: ``avg`` or ``cls``; default: as the config of a classifier says, otherwise ``avg``.
        options: Arguments of the backbone to change, such as ``img_size=(192, 384)`` or ``in_channels=4``; and ``mean``
            and ``std`` of the images, which otherwise are those of the checkpoint, or without one of the config.

    Raises:
        UsageError: There is no such model or option; the message names those most like it.
    """
    cfg = name if isinstance(name, Config) else _shipped_or_own(os.fspath(name))
    settings = _backbone_settings(cfg, options)
    if pretrained:
        if checkpoint is not None:
            raise UsageError(f"checkpoint={os.fspath(checkpoint)!r} and pretrained=True: give one of them")
        checkpoint = fetch(str(cfg.filename if isinstance(name, Config) else os.fspath(name)))
    file = None if checkpoint is None else checkpoint_file(os.fspath(checkpoint))
    own = settings.pop("out_type", None)
    backbone = _without_mask_token(settings)
    statistics = dict(cfg.model.get("data_preprocessor") or cfg.get("data_preprocessor") or {})
    value_range = None
    if file is not None:
        load_weights(backbone, file)
        statistics |= _stated(stored_facts(read_outline(file)), backbone.in_channels)
        value_range = stored_facts(read_outline(file)).get("value_range")
    given = {key: options[key] for key in STATISTICS if key in options}
    for key, value in given.items():
        if not _stated(given, backbone.in_channels).get(key):
            raise UsageError(f"{key}={value!r}: give {backbone.in_channels} numbers, one for each channel")
    return _with_statistics(backbone, statistics | given, pool or (own if own in POOLS else "avg"), value_range)


def load_encoder(checkpoint: Path_, *, pool: str = "avg", custom_imports: Sequence[str] = ()) -> ImageEncoder:
    """Return the encoder of a checkpoint that mmmim wrote, in eval mode; no config is needed.

    Args:
        checkpoint: A file, or the folder of a run, of which the newest checkpoint is taken.
        custom_imports: Modules that define an encoder of your own.

    Raises:
        UsageError: The file is missing, damaged, or does not say how its encoder is built.
    """
    stored = read_encoder(checkpoint_file(os.fspath(checkpoint)), custom_imports)
    backbone = _without_mask_token({**stored.arguments, "type": f"mmmim.{stored.kind}"})
    backbone.load_state_dict(stored.state)
    return _with_statistics(backbone, _stated(stored.meta, backbone.in_channels), pool, stored.meta.get("value_range"))


def _shipped_or_own(path: str) -> Config:
    try:
        find_config(path)
    except UsageError as error:
        names = list_models()
        near = nearest(path, names) or _of_that_backbone(path, names)
        if path.endswith(".py") or not near:
            raise
        raise UsageError(
            f"there is no model {path!r}; did you mean {' or '.join(map(repr, near))}? mmmim.list_models() returns all"
        ) from error
    return load_config(path)


def _of_that_backbone(name: str, models: Sequence[str]) -> list[str]:
    """Return models whose backbone resembles a name without a method, such as ``vitb``."""
    backbones = {model.partition("/")[2].partition("_")[0] for model in models}
    (near, *_) = nearest(name.rpartition("/")[2].partition("_")[0], sorted(backbones)) or ("",)
    return [model for model in models if near and model.partition("/")[2].partition("_")[0] == near][:3]


def _backbone_settings(cfg: Config, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a config's backbone with the options, which are checked for misspelt names."""
    own = cfg.get("model", {}).get("backbone")
    if own is None:
        raise UsageError(f"{cfg.filename} has no model.backbone; mmmim.list_models() returns names of pre-trainings")
    changes = {key: value for key, value in options.items() if key not in STATISTICS}
    kind = encoder_class(str(own["type"]).removeprefix("mmmim."))
    known, is_open = accepted_arguments(kind)
    for key, value in changes.items():
        if key not in known and not (is_open and not nearest(key, known, MISSPELT)):
            raise UsageError(f"{key}={value!r}: {kind.__name__} has no such argument{did_you_mean(key, known)}")
    return {**own, **changes}


def _without_mask_token(settings: dict[str, Any]) -> Encoder:
    kind = str(settings["type"]).removeprefix("mmmim.")
    plain = {"mask_mode": None} if None in encoder_class(kind).mask_modes else {}
    with default_scope("mmmim"):
        backbone = MODELS.build({**settings, "out_type": "raw", "init_cfg": None, **plain})
    assert isinstance(backbone, Encoder)
    return backbone


def _stated(facts: Mapping[str, Any], channels: int) -> dict[str, Sequence[float]]:
    """Return mean and standard deviation as far as there is a number for each channel."""
    lists = {key: facts[key] for key in STATISTICS if isinstance(facts.get(key), (list, tuple))}
    return {
        key: values
        for key, values in lists.items()
        if len(values) == channels and all(isinstance(each, (int, float)) for each in values)
    }


def _with_statistics(backbone: Encoder, statistics: Mapping[str, Any], pool: str, value_range: Any) -> ImageEncoder:
    check_value_range(value_range)
    mean, std = (_per_channel(statistics.get(key), backbone.in_channels, key) for key in STATISTICS)
    return ImageEncoder(backbone, mean, std, pool, value_range).eval()


def _per_channel(values: Sequence[float] | None, channels: int, name: str) -> list[float]:
    """Return a value for each channel; images of other channels than three get the mean of the three."""
    found = list(ImagePreprocessor().statistics[name] if values is None else values)
    return found if len(found) == channels else [sum(found) / len(found)] * channels
