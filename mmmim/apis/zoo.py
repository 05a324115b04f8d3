"""The shipped models as their configs and metafiles describe them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mmmim.config.find import config_names
from mmmim.config.folder import project_folder
from mmmim.errors import UsageError, one_of

INDEX = "model-index.yml"
SOURCES = ("published", "ours")
HASH = re.compile(r"[0-9a-f]{64}")
LENGTH = re.compile(r"_(\d+)e$")


@dataclass(frozen=True)
class Weights:
    """Published weights: where they are, how large, under which licence, and the hash of their bytes."""

    location: str
    sha256: str
    size: int
    licence: str


@dataclass(frozen=True)
class ZooModel:
    """A shipped pre-training.

    Attributes:
        name: Name of the config, such as ``mae/vit-b_800e``.
        config: Its path in the project.
        method: Name of the method, such as ``MAE``.
        backbone: As in the config's name, such as ``vit-b``.
        epochs: None for the toy configs, whose length is no recipe.
        results: As in the metafile; ``Source`` says whether a number is ``published`` by the authors or ``ours``.
        weights: None where none are published.
    """

    name: str
    config: str
    method: str
    backbone: str
    epochs: int | None = None
    results: tuple[dict[str, Any], ...] = ()
    weights: Weights | None = None

    def figures(self) -> str:
        """Return the results in one line, each with its source."""
        told = [
            f"{result['Task']} {name} {number} ({result['Source']})"
            for result in self.results
            for name, number in result["Metrics"].items()
        ]
        return "; ".join(told)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields in plain types, for JSON."""
        return asdict(self)


def list_models(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Return the names of the shipped pre-trainings that match a pattern of shell wildcards, sorted.

    Args:
        pretrained: Only those of which weights are published.
    """
    found = (model for model in zoo() if fnmatch(model.name, pattern))
    return [model.name for model in found if not pretrained or model.weights is not None]


@cache
def zoo(folder: Path | None = None) -> tuple[ZooModel, ...]:
    """Return all shipped pre-trainings, sorted by name, with what the metafiles of ``model-index.yml`` say of them.

    Args:
        folder: Where this file lies; default: the folder of the shipped configs' project.

    Raises:
        UsageError: An entry of a metafile lacks something, or has a value that cannot be right.
    """
    root = project_folder() if folder is None else folder
    described: dict[str, ZooModel] = {}
    for metafile in _read(root / INDEX)["Import"]:
        content = _read(root / metafile)
        for entry in content["Models"]:
            try:
                model = _described(entry)
            except KeyError as error:
                raise UsageError(f"{root / metafile}: the entry {entry.get('Name')!r} lacks {error}") from None
            except UsageError as error:
                raise UsageError(f"{root / metafile}: the entry {entry.get('Name')!r}: {error}") from None
            described[model.name] = model
    methods = {_folder(name): model.method for name, model in described.items()}
    names = {*described, *(name for name in config_names() if name.count("/") == 1 and _folder(name) != "tokenizer")}
    return tuple(described.get(name) or _of_config(name, methods) for name in sorted(names))


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _folder(name: str) -> str:
    return name.partition("/")[0]


def _of_config(name: str, methods: dict[str, str]) -> ZooModel:
    """Return a model of which only the config's name is known: ``<method>/<backbone>[_<variant>]_<epochs>e``."""
    folder, _, stem = name.partition("/")
    length = LENGTH.search(stem)
    epochs = None if length is None else int(length[1])
    return ZooModel(name, f"configs/{name}.py", methods.get(folder, folder), stem.partition("_")[0], epochs)


def _described(entry: dict[str, Any]) -> ZooModel:
    facts, config = entry["Metadata"], Path(entry["Config"])
    name = config.relative_to("configs").with_suffix("").as_posix()
    results = tuple(entry["Results"] or ())
    for result in results:
        one_of("Source", result["Source"], SOURCES)
        result["Task"], result["Metrics"]  # a KeyError names what is missing
    backbone = _of_config(name, {}).backbone
    weights = _weights(entry, facts)
    return ZooModel(name, config.as_posix(), entry["In Collection"], backbone, facts["Epochs"], results, weights)


def _weights(entry: dict[str, Any], facts: dict[str, Any]) -> Weights | None:
    if entry["Weights"] is None:
        return None
    weights = Weights(entry["Weights"], facts["Weights SHA256"], facts["Weights Size"], facts["Weights License"])
    if not HASH.fullmatch(str(weights.sha256)):
        raise UsageError(f"Weights SHA256 {weights.sha256!r} is no hash of 64 digits 0-9a-f")
    if not isinstance(weights.size, int) or weights.size < 1:
        raise UsageError(f"Weights Size {weights.size!r} is no number of bytes")
    if not isinstance(weights.licence, str) or not weights.licence.strip():
        raise UsageError(f"Weights License {weights.licence!r} names no licence, such as Apache-2.0")
    return weights
