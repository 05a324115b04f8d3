from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mmmim.checkpoint.names import ENCODER_PREFIX, PRETRAIN_ONLY, listing, matching, model_state, strip_prefix
from mmmim.checkpoint.reader import read_file
from mmmim.config.folder import find_own_modules
from mmmim.config.text import config_value
from mmmim.errors import UsageError, WeightsError
from mmmim.interop.facts import class_names, parse_facts
from mmmim.models.backbones import Encoder
from mmmim.registry import MODELS

Features = Callable[[Tensor], Tensor]  # from images (B,C,H,W) to tokens (B,N,D), the class token, if any, first


class StoredEncoder(NamedTuple):
    """An encoder's weights under timm's names, and what the checkpoint says about the model they belong to."""

    state: dict[str, Tensor]
    meta: dict[str, Any]
    others: Mapping[str, Tensor] = MappingProxyType({})  # the other tensors under full names: mask token, decoder, head
    settings: Mapping[str, Any] = MappingProxyType({})  # settings of the whole model, as far as its config is known
    config: str | None = None  # the text of the run's config, which is read and never run
    classes: tuple[str, ...] = ()  # names of the classes of the training data, where they are known
    file: Path | None = None

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
    def architecture(self) -> str:
        """Return the name of its architecture in the tables of exports: ``vit``, ``beit``, ``swin``, ..."""
        return encoder_class(self.kind).architecture(self.meta)


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
        f"only {', '.join(sorted(ours))} can be exported, this is a {kind!r:.80}; name the module of a class of your "
        "own: --custom-imports MODULE, from the folder where training was started"
    )


def read_encoder(file: str | Path, imports: Sequence[str] = ()) -> StoredEncoder:
    """Return the encoder of a checkpoint written by mmmim, without what only pre-training or a task uses.

    Args:
        imports: Modules that define encoders of your own, found as Python finds them or below the current directory.
            A checkpoint names such modules too, but what a file names is not imported.

    Raises:
        UsageError: The file is missing, no PyTorch file or not written by mmmim, its facts do not describe an encoder
            with its tensors, or its encoder has no export.
    """
    checkpoint = read_file(file)
    meta = checkpoint.get("meta") if isinstance(checkpoint, Mapping) else None
    if not isinstance(meta, Mapping) or not isinstance(meta.get("mmmim"), Mapping):
        raise UsageError(
            f"{file}: not a checkpoint of mmmim: meta['mmmim'] is missing, which says how the encoder is built; "
            "give a file that tools/train.py wrote"
        )
    everything = {name: _floats(value) for name, value in model_state(checkpoint).items()}
    state = strip_prefix(everything, ENCODER_PREFIX)
    if not state:
        names = listing(list(everything))
        raise UsageError(f"{file}: no tensor starts with {ENCODER_PREFIX!r}; the file holds {names}")
    facts = parse_facts(meta["mmmim"], everything, str(file))
    import_modules(imports)
    kind = facts.get("backbone")
    try:
        task_norms = encoder_class(kind).task_norms
    except UsageError as error:
        wanted = config_value(meta.get("cfg"), "custom_imports")
        named = wanted.get("imports") if isinstance(wanted, Mapping) else None
        hint = f" (the run imported {named!r:.200})" if named else ""
        raise UsageError(f"{file}: {error}{hint}") from None
    for name in matching(list(state), (*PRETRAIN_ONLY, *task_norms)):
        del state[name]
    others = {name: value for name, value in everything.items() if name.removeprefix(ENCODER_PREFIX) not in state}
    config = meta.get("cfg")
    settings = facts.get("classifier") or config_value(config, "model")
    parts = {key: value for key, value in settings.items() if value} if isinstance(settings, Mapping) else {}
    text = config if isinstance(config, str) else None
    return _checked(StoredEncoder(state, facts, others, parts, text, class_names(meta), Path(file)), str(file))


def _checked(encoder: StoredEncoder, file: str) -> StoredEncoder:
    """Return the encoder with all its facts, or refuse those of which it, or its tensors, cannot be built.

    It is built without storage.
    """
    try:
        with torch.device("meta"):
            model = MODELS.build(dict(encoder.arguments, type=f"mmmim.{encoder.kind}", out_type="raw"))
    except Exception as error:  # wrong numbers can raise anything
        raise WeightsError(
            f"{file}: no {encoder.kind} can be built of what its meta says ({type(error).__name__}: {error})"
        ) from None
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    stored = {name: tuple(value.shape) for name, value in encoder.state.items()}
    if wrong := [name for name in wanted | stored if wanted.get(name) != stored.get(name)]:
        details = [f"{name} (file {stored.get(name, 'without')}, meta {wanted.get(name, 'without')})" for name in wrong]
        raise WeightsError(f"{file}: its tensors are not those of the {encoder.kind} of its meta: {listing(details)}")
    told = model.describe()
    facts = {**told, **encoder.meta}
    for name in told.keys() - {"arch"}:  # a name or settings, which are built alike
        if _as_list(facts[name]) != _as_list(told[name]):
            raise WeightsError(f"{file}: its meta says {name}={facts[name]!r:.80}, its encoder has {told[name]!r}")
    return encoder._replace(meta=facts)


def _as_list(value: Any) -> Any:
    return [_as_list(each) for each in value] if isinstance(value, (list, tuple)) else value


def _floats(value: Tensor) -> Tensor:
    return (value.float() if value.is_floating_point() else value).contiguous()


def import_modules(names: Sequence[str]) -> None:
    """Import modules with a user's own classes, also from below the current directory and from ``projects``.

    Raises:
        UsageError: There is no module of that name.
    """
    if names:
        find_own_modules()
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UsageError(f"--custom-imports {name}: {error} (looked from {Path.cwd()})") from None


def encoder_model(encoder: StoredEncoder, state: dict[str, Tensor]) -> nn.Module:
    """Return mmmim's own model with the weights ``state``, in eval mode; it returns tokens."""
    model = MODELS.build(dict(encoder.arguments, type=f"mmmim.{encoder.kind}", out_type="raw")).eval()
    model.load_state_dict(state)
    return model


def build_encoder(encoder: StoredEncoder, state: dict[str, Tensor]) -> Features:
    """Return a function from images to token features by mmmim's own model, in double precision."""
    model = encoder_model(encoder, state).double()
    return lambda images: model(images)[-1]
