"""The shipped models as their metafiles describe them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mmmim.config.folder import project_folder
from mmmim.errors import UsageError

INDEX = "model-index.yml"


@dataclass(frozen=True)
class Weights:
    """Published weights: where they are, how large, under which licence, and the hash of their bytes."""

    location: str
    sha256: str
    size: int
    licence: str


@dataclass(frozen=True)
class ZooModel:
    """A pre-training of a metafile.

    Attributes:
        name: Name of the config, such as ``mae/vit-b_800e``.
        results: As in the metafile; ``Source`` says whether a number is published by the authors or measured here.
    """

    name: str
    method: str
    architecture: str
    epochs: int | None
    results: tuple[dict[str, Any], ...]
    weights: Weights | None

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
        weights = None if self.weights is None else vars(self.weights)
        return dict(vars(self), results=list(self.results), weights=weights)


@cache
def zoo(folder: Path | None = None) -> tuple[ZooModel, ...]:
    """Return all models of the metafiles that ``model-index.yml`` lists.

    Args:
        folder: Where this file lies; default: the folder of the shipped configs' project.

    Raises:
        UsageError: A metafile lacks something.
    """
    root = project_folder() if folder is None else folder
    found: list[ZooModel] = []
    for metafile in _read(root / INDEX)["Import"]:
        content = _read(root / metafile)
        collections = {each["Name"]: each for each in content["Collections"]}
        for entry in content["Models"]:
            try:
                found.append(_model(entry, collections[entry["In Collection"]]))
            except KeyError as error:
                raise UsageError(f"{root / metafile}: the entry {entry.get('Name')!r} lacks {error}") from None
    return tuple(found)


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _model(entry: dict[str, Any], collection: dict[str, Any]) -> ZooModel:
    facts = entry["Metadata"]
    weights = None
    if entry["Weights"] is not None:
        weights = Weights(entry["Weights"], facts["Weights SHA256"], facts["Weights Size"], facts["Weights License"])
    config = Path(entry["Config"]).relative_to("configs").with_suffix("")
    return ZooModel(
        config.as_posix(),
        collection["Name"],
        ", ".join(collection["Metadata"]["Architecture"]),
        facts.get("Epochs"),
        tuple(entry.get("Results") or ()),
        weights,
    )
