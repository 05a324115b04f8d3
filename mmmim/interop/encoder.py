from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from mmengine.runner import CheckpointLoader
from mmengine.utils import import_modules_from_strings
from torch import Tensor

from mmmim.checkpoint.names import ENCODER_PREFIX, PRETRAIN_ONLY, listing, matching, model_state, strip_prefix
from mmmim.config.text import config_value
from mmmim.errors import UsageError
from mmmim.models.backbones import Encoder
from mmmim.registry import MODELS

Features = Callable[[Tensor], Tensor]  # from images (B,C,H,W) to tokens (B,N,D), the class token, if any, first


class StoredEncoder(NamedTuple):
    """An encoder's weights under timm's names, and what the checkpoint says about the model they belong to."""

    state: dict[str, Tensor]
    meta: dict[str, Any]
    others: Mapping[str, Tensor] = MappingProxyType({})  # the other tensors under full names: mask token, decoder, head
    settings: Mapping[str, Any] = MappingProxyType({})  # settings of the whole model, as far as its config is known

    @property
    def kind(self) -> str:
        """Return the name of the encoder's class."""
        return self.meta["backbone"]

    @property
    def has_norm(self) -> bool:
        """Return whether the encoder has a final norm."""
        return "norm.weight" in self.state

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the arguments that rebuild the encoder without its mask token."""
        return encoder_class(self.kind).settings_from(self.meta, self.state)

    @property
    def has_windows(self) -> bool:
        """Return whether this is a ViT with windows beside global attention, as detectors run it."""
        return self.kind == "BEiTViT" and "window_size" in self.meta

    @property
    def is_plain_vit(self) -> bool:
        """Return whether timm's and mmpretrain's ``VisionTransformer`` have everything of it, under the same names."""
        extras = [self.meta.get(name) for name in ("rel_pos", "layer_scale", "qkv_bias")]
        return self.kind == "ViT" or (extras == ["none", None, "qkv"] and not self.has_windows)


def encoder_class(kind: Any) -> type[Encoder]:
    """Return the registered encoder class of that name.

    Raises:
        UsageError: there is none, or it is no :class:`~mmmim.models.backbones.Encoder`.
    """
    found = MODELS.get(f"mmmim.{kind}")
    if isinstance(found, type) and issubclass(found, Encoder):
        return found
    ours = [name for name, each in MODELS.module_dict.items() if isinstance(each, type) and issubclass(each, Encoder)]
    raise UsageError(
        f"only {', '.join(sorted(ours))} can be exported, this is a {kind}; a class of your own is found by the "
        "custom_imports of the checkpoint's config, from the folder where training was started"
    )


def read_encoder(file: str | Path) -> StoredEncoder:
    """Return the encoder of a checkpoint written by mmmim, without what only pre-training or a task uses.

    Raises:
        UsageError: the file is missing, no PyTorch file or not written by mmmim, or its encoder has no export.
    """
    if not Path(file).is_file():
        raise UsageError(f"{file}: there is no such file")
    try:
        checkpoint = CheckpointLoader.load_checkpoint(str(file), map_location="cpu", logger="silent")
    except Exception as error:  # unpickling anything can raise anything
        raise UsageError(f"{file}: not a PyTorch checkpoint ({type(error).__name__}: {error})") from error
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    if not isinstance(meta, dict) or "mmmim" not in meta:
        raise UsageError(
            f"{file}: not a checkpoint of mmmim: meta['mmmim'] is missing, which says how the encoder is built; "
            "give a file that tools/train.py wrote"
        )
    everything = {name: _floats(value) for name, value in model_state(checkpoint).items()}
    state = strip_prefix(everything, ENCODER_PREFIX)
    if not state:
        names = listing(list(everything))
        raise UsageError(f"{file}: no tensor starts with {ENCODER_PREFIX!r}; the file holds {names}")
    if MODELS.get(f"mmmim.{meta['mmmim'].get('backbone')}") is None:
        import_custom(meta.get("cfg"))
    try:
        task_norms = encoder_class(meta["mmmim"].get("backbone")).task_norms
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None
    for name in matching(list(state), (*PRETRAIN_ONLY, *task_norms)):
        del state[name]
    others = {name: value for name, value in everything.items() if name.removeprefix(ENCODER_PREFIX) not in state}
    settings = meta["mmmim"].get("classifier") or config_value(meta.get("cfg"), "model") or {}
    return StoredEncoder(state, dict(meta["mmmim"]), others, settings)


def _floats(value: Tensor) -> Tensor:
    return (value.float() if value.is_floating_point() else value).contiguous()


def import_custom(config: Any) -> None:
    """Import the modules with a user's own classes that a config's ``custom_imports`` names.

    They are also looked for below the current directory.
    """
    wanted = config_value(config, "custom_imports") or {}
    if wanted.get("imports"):
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.append(here)
        import_modules_from_strings(wanted["imports"], allow_failed_imports=True)


def build_encoder(encoder: StoredEncoder, state: dict[str, Tensor]) -> Features:
    """Return a function from images to token features by mmmim's own model, in double precision."""
    model = MODELS.build(dict(encoder.arguments, type=f"mmmim.{encoder.kind}", out_type="raw")).eval()
    model.load_state_dict(state)
    model.double()
    return lambda images: model(images)[-1]
