"""Find the shipped models by name, build them, and load encoders from checkpoints."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any

from mmmim.config.find import config_names
from mmmim.config.types import default_scope
from mmmim.errors import UsageError, did_you_mean
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
from .zoo import zoo

Path_ = str | os.PathLike[str]


def list_models(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Return the names of the shipped pre-trainings that match a pattern of shell wildcards, sorted.

    Args:
        pretrained: Only those of which weights are published.
    """
    with_weights = {model.name for model in zoo() if model.weights is not None}
    names = [name for name in config_names() if name.count("/") == 1 and not name.startswith("tokenizer/")]
    return [name for name in names if fnmatch(name, pattern) and (not pretrained or name in with_weights)]


def get_model(
    name: Path_, checkpoint: Path_ | None = None, pretrained: bool = False, *, pool: str | None = None, **options: Any
) -> ImageEncoder:
    """Return the encoder of a shipped model or of a config, in eval mode.

    Args:
        name: A name that :func:`list_models` returns, such as ``mae/vit-b_800e``, or the path of a config.
        checkpoint: A checkpoint file, or the folder of a run, whose weights are loaded. Position embeddings are
            resized.
        pretrained: Load the published weights; see :func:`~mmmim.apis.weights.fetch`.
        pool: ``avg`` or ``cls``; default: as the config of a classifier says, otherwise ``avg``.
        options: Arguments of the backbone to change, such as ``img_size=(192, 384)`` or ``in_channels=4``; and ``mean``
            and ``std`` of the images.

    Raises:
        UsageError: There is no such model; the message names those most like it.
    """
    path = os.fspath(name)
    try:
        cfg = load_config(path)
    except UsageError as error:
        if os.path.dirname(path) or path.endswith(".py"):
            raise
        raise UsageError(f"{path!r} is no model{did_you_mean(path, list_models())}; {error}") from None
    if pretrained:
        if checkpoint is not None:
            raise UsageError(f"checkpoint={os.fspath(checkpoint)!r} and pretrained=True: give one of them")
        checkpoint = fetch(path)
    settings = dict(cfg.model.backbone)
    own = settings.pop("out_type", None)
    statistics = dict(cfg.model.get("data_preprocessor") or cfg.get("data_preprocessor") or {})
    channels = int(options.get("in_channels") or settings.get("in_channels") or 3)
    normalisation = {key: _per_channel(options.pop(key, statistics.get(key)), channels, key) for key in ("mean", "std")}
    backbone = _without_mask_token({**settings, **options})
    if checkpoint is not None:
        load_weights(backbone, checkpoint_file(os.fspath(checkpoint)))
    return ImageEncoder(backbone, **normalisation, pool=pool or (own if own in POOLS else "avg")).eval()


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
    statistics = {key: _per_channel(stored.meta.get(key), backbone.in_channels, key) for key in ("mean", "std")}
    return ImageEncoder(backbone, **statistics, pool=pool).eval()


def _without_mask_token(settings: dict[str, Any]) -> Encoder:
    kind = str(settings["type"]).removeprefix("mmmim.")
    plain = {"mask_mode": None} if None in encoder_class(kind).mask_modes else {}
    with default_scope("mmmim"):
        backbone = MODELS.build({**settings, "out_type": "raw", "init_cfg": None, **plain})
    assert isinstance(backbone, Encoder)
    return backbone


def _per_channel(values: Sequence[float] | None, channels: int, name: str) -> list[float]:
    """Return a value for each channel; images of other channels than three get the mean of the three."""
    found = list(ImagePreprocessor().statistics[name] if values is None else values)
    return found if len(found) == channels else [sum(found) / len(found)] * channels
