"""Check that data and heads of segmentation and detection configs agree, before the first batch fails."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, root

from mmmim.config.types import default_scope, resolve
from mmmim.engine.hooks.seg_labels import IGNORE_INDEX, label_error, wrong_labels
from mmmim.errors import UsageError
from mmmim.launch.data_paths import missing_paths, writes_its_data
from mmmim.launch.process import is_first_process

SCOPES = ("mmseg", "mmdet")
NUM_CHECKED_LABEL_MAPS = (
    16  # label maps that are checked before the run starts; SegLabelCheckHook checks those of every batch
)


@dataclass
class Split:
    """The dataset of a dataloader, without wrappers, and the names of its classes."""

    loader: str
    path: str  # key path of the dataset
    cfg: dict[str, Any]
    kind: Any
    classes: list[str] | None
    readable: bool  # whether its files exist


def check_dense(cfg: Config, loaders: tuple[str, ...]) -> list[str]:
    """Compare classes, annotation files and label maps of ``loaders`` with the heads of the model.

    Missing files are left to :func:`~mmmim.launch.data_paths.check_paths`.

    Returns:
        Remarks on settings that are allowed but may be unintended.

    Raises:
        UsageError: They disagree; the message gives the values on both sides and the keys to set.
    """
    if cfg.get("default_scope") not in SCOPES:
        return []
    remarks: list[str] = []
    with default_scope(cfg.default_scope):
        splits = [_split(cfg, loader) for loader in loaders if cfg.get(loader)]
        for split in splits:
            _check_num_classes(split, cfg.model)
            _check_evaluator(split, cfg)
        _check_same_classes(splits)
        for split in splits:
            if split.readable and is_first_process():
                remarks += _check_coco(split) if hasattr(split.kind, "COCOAPI") else _check_label_maps(split, cfg.model)
    return list(dict.fromkeys(remarks))


def num_classes_of(model: Any, path: str = "model") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the key path and config of each head below ``model`` that has ``num_classes``."""
    if isinstance(model, dict):
        if "num_classes" in model:
            yield path, model
        for key, value in model.items():
            yield from num_classes_of(value, f"{path}.{key}")
    elif isinstance(model, (list, tuple)):
        for index, value in enumerate(model):
            yield from num_classes_of(value, f"{path}.{index}")


def _split(cfg: Config, loader: str) -> Split:
    node, path, own = cfg[loader].dataset, f"{loader}.dataset", False
    while isinstance(node.get("dataset"), dict):
        own = own or writes_its_data(node)
        node, path = node["dataset"], f"{path}.dataset"
    found = resolve(str(node.get("type")), (root.DATASETS,), node.get("_scope_"))
    kind = found[0] if found else None
    load = getattr(kind, "_load_metainfo", None)
    classes = (load(copy.deepcopy(node.get("metainfo"))) if load else {}).get("classes")
    there = Path(str(node.get("data_root", "."))).exists() if own else not missing_paths(cfg, loader)
    return Split(loader, path, node, kind, None if classes is None else [str(name) for name in classes], there)


def _check_num_classes(split: Split, model: Any) -> None:
    if split.classes is None:
        return
    count = len(split.classes)
    wrong = {path: head["num_classes"] for path, head in num_classes_of(model) if head["num_classes"] != count}
    if wrong:
        raise UsageError(
            f"{split.path} has {count} classes ({_listing(split.classes)}), but "
            + ", ".join(f"{path}.num_classes={value}" for path, value in wrong.items())
            + "; fix: --cfg-options "
            + " ".join(f"{path}.num_classes={count}" for path in wrong)
            + f", or name the classes of the data in {split.path}.metainfo.classes"
        )


def _check_same_classes(splits: list[Split]) -> None:
    named = [split for split in splits if split.classes is not None]
    for other in named[1:]:
        if other.classes != named[0].classes:
            raise UsageError(
                f"{named[0].path}.metainfo.classes and {other.path}.metainfo.classes differ: "
                f"{_listing(named[0].classes or [])}; {_listing(other.classes or [])}; give both the same"
            )


def _check_evaluator(split: Split, cfg: Config) -> None:
    """Refuse a CocoMetric whose annotation file is not the dataset's."""
    name = split.loader.replace("dataloader", "evaluator")
    evaluator, ours = cfg.get(name), split.cfg.get("ann_file")
    if (
        split.loader == "train_dataloader"
        or not isinstance(evaluator, dict)
        or not evaluator.get("ann_file")
        or not ours
    ):
        return
    theirs, ours = Path(evaluator["ann_file"]), Path(split.cfg.get("data_root") or "", ours)
    if theirs != ours:
        raise UsageError(
            f"{name}.ann_file={theirs} is not the annotation file of {split.path}, {ours}: the metric would compare "
            f"with other images; fix: --cfg-options {name}.ann_file={ours}"
        )


def _check_coco(split: Split) -> list[str]:
    file = Path(split.cfg.get("data_root") or "", split.cfg["ann_file"])
    key = f"{split.path}.metainfo.classes"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        ids = {int(category["id"]): str(category["name"]) for category in content["categories"]}
        used = {int(annotation["category_id"]) for annotation in content["annotations"]}
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} is no COCO annotation file: {type(error).__name__}: {error}") from error
    if unknown := sorted(used - set(ids)):
        raise UsageError(f"{file}: annotations have category_id {_listing(unknown)}, which its categories do not list")
    if split.classes is None:
        return []
    names, classes = list(ids.values()), split.classes
    if absent := [name for name in classes if name not in names]:
        raise UsageError(
            f"{key} names {_listing(absent)}, which {file} does not have; its categories are {_listing(names)}; fix: "
            f"set {key}, and num_classes of the heads to their number"
        )
    if (order := [name for name in names if name in classes]) != classes:
        raise UsageError(
            f"{key} is in another order than the categories of {file}, by which MMDetection numbers them; fix: write "
            f"{_listing(order, limit=100)}"
        )
    left_out = [ids[number] for number in sorted(used) if ids[number] not in classes]
    return [f"{file}: annotations of {_listing(left_out)} are left out, {key} does not name them"] if left_out else []


def _check_label_maps(split: Split, model: Any) -> list[str]:
    head = next((head for path, head in num_classes_of(model) if "decode_head" in path), None)
    loading = [step for step in split.cfg.get("pipeline") or () if str(step.get("type")).endswith("LoadAnnotations")]
    if head is None or not loading:
        return []
    dataset = DATASETS.build({**copy.deepcopy(split.cfg), "pipeline": loading, "serialize_data": False})
    if not len(dataset):
        where = Path(split.cfg.get("data_root") or "", (split.cfg.get("data_prefix") or {}).get("img_path", ""))
        suffix = getattr(dataset, "img_suffix", "")
        raise UsageError(
            f"{split.path}: no image *{suffix} in {where}; fix: set {split.path}.img_suffix or data_prefix"
        )
    ignored = head.get("ignore_index", IGNORE_INDEX)
    for index in np.linspace(0, len(dataset) - 1, min(NUM_CHECKED_LABEL_MAPS, len(dataset))).astype(int):
        try:
            sample = dataset[int(index)]
        except OSError as error:
            raise UsageError(
                f"{dataset.get_data_info(int(index)).get('img_path')} has no label map: {error}; fix: set "
                f"{split.path}.seg_map_suffix or data_prefix.seg_map_path"
            ) from error
        if wrong := wrong_labels(sample["gt_seg_map"], head["num_classes"], ignored):
            raise label_error(sample.get("seg_map_path"), wrong, head["num_classes"], ignored)
    return []


def _listing(names: list[Any], limit: int = 5) -> str:
    return ", ".join(map(str, names[:limit])) + (f" and {len(names) - limit} more" if len(names) > limit else "")
