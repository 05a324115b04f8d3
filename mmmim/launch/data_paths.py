from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmmim.datasets.sources import location_exists
from mmmim.errors import UsageError

REMOTE = ("http://", "https://", "s3://", "petrel://")
OWN_PATHS = ("root", "ann_file", "list_file")  # paths of this project's datasets, relative to the working directory


def missing_paths(cfg: Config, section: str) -> dict[str, str]:
    """Return the missing files and folders that the datasets below ``section`` name, by key path."""
    found = (entry for key, dataset in _datasets(cfg.get(section), section) for entry in _paths(dataset, key))
    return {key: path for key, path in found if not path.startswith(REMOTE) and not location_exists(path)}


def check_paths(cfg: Config, sections: tuple[str, ...]) -> None:
    """Refuse to start a run whose data is not there.

    Raises:
        UsageError: Paths are missing; the message lists them with their keys, and says how to give others.
    """
    missing = {key: path for section in sections for key, path in missing_paths(cfg, section).items()}
    if missing:
        lines = "".join(f"\n  {path}  ({key})" for key, path in missing.items())
        raise UsageError(
            f"data is missing (looked from {Path.cwd()}):{lines}\n"
            "give a folder of images with --data DIR, set the key with --cfg-options, or link the data to that path"
        )


def writes_its_data(node: dict[str, Any]) -> bool:
    """Return whether ``prepare`` writes the files of the wrapped dataset, which then reads ``prepare.root``."""
    root = (node.get("prepare") or {}).get("root")
    return root is not None and Path(root) == Path((node.get("dataset") or {}).get("data_root", root))


def _datasets(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the key path and config of each dataset below ``node``: the values of ``dataset`` and ``datasets``.

    Datasets for which :func:`writes_its_data` holds are left out.
    """
    if isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from _datasets(value, f"{path}[{index}]")
    elif isinstance(node, dict) and not writes_its_data(node):
        if path.rpartition(".")[2].partition("[")[0] in ("dataset", "datasets") and "type" in node:
            yield path, node
        for key, value in node.items():
            yield from _datasets(value, f"{path}.{key}")


def _paths(dataset: dict[str, Any], key: str) -> Iterator[tuple[str, str]]:
    """Yield the paths of a dataset: our ``root`` and ``ann_file``, or MMEngine's ``data_root`` and what is below it."""
    root = dataset.get("data_root")
    if root is None:
        for name in OWN_PATHS:
            if isinstance(dataset.get(name), str) and dataset[name]:
                yield f"{key}.{name}", dataset[name]
        return
    if not Path(root).exists():
        yield f"{key}.data_root", str(root)
        return
    if dataset.get("ann_file"):
        yield f"{key}.ann_file", str(Path(root, dataset["ann_file"]))
    for name, prefix in (dataset.get("data_prefix") or {}).items():
        if prefix:
            yield f"{key}.data_prefix.{name}", str(Path(root, prefix))
