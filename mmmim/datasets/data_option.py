"""Apply ``--data DIR``, which runs any pre-training or classification config on the user's own images."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from .image_folder import ImageFolder, check_folders, class_folders
from .sources import TRAIN_FOLDERS, VAL_FOLDERS, open_source, part_of
from .toy_images import TOY_SIZE

OWN_DATASETS = ("Collages", "Flowers102", "INaturalist", "ImageFolder", "ImageList", "ToyImages")
SHARED_KEYS = ("channels", "extensions", "value_range")  # arguments of the training set that other sets use by default
KEPT_KEYS = (*SHARED_KEYS, "transforms", "holdout", "keep", "keep_seed", "list_file")


def as_folders(cfg: Config) -> Config:
    """Return a copy of ``cfg`` in which mmmim's own datasets are ``ImageFolder``; :data:`KEPT_KEYS` are kept.

    Apply it before ``--cfg-options``, which may then name any argument of ``ImageFolder``, and :func:`use_folder`
    after them.
    """
    cfg = copy.deepcopy(cfg)
    for _, node in _datasets(cfg):
        kept = _kept(node)
        node.clear()
        node.update(kept, type="ImageFolder")
    return cfg


def use_folder(cfg: Config, data_dir: str) -> Config:
    """Return a copy of ``cfg`` in which each of mmmim's own datasets reads ``data_dir``, with its transforms kept.

    ``train/`` and ``val/`` (or ``validation/``, ``valid/``, ``test/``) below ``data_dir`` are used for training and
    evaluation. Without them pre-training uses all images, and datasets with labels divide them: 10 % of each class are
    held out for evaluation, chosen by a hash of the file names. A classifier's ``num_classes`` becomes the number of
    class folders. Hooks that need labels, such as ``KNNHook``, are removed with a warning if the folder has none.

    ``extensions``, ``value_range`` and ``channels`` of the training set apply to the others too, unless they have their
    own. Apply it after ``--cfg-options``.

    Raises:
        MissingFileError: There is no such folder, or no image in it.
        UsageError: The config is for a dense task, a classifier gets no class folders, or there are fewer images than
            one batch.
    """
    cfg = copy.deepcopy(cfg)
    datasets = sorted(_datasets(cfg), key=lambda found: not _serves_training(found[0]))
    if not datasets:
        raise UsageError(
            f"--data: {cfg.filename or 'this config'} has no image-folder dataset to replace. Segmentation and "
            "detection need annotations; set their data_root with --cfg-options train_dataloader.dataset.data_root=DIR"
        )
    shared = {key: datasets[0][1][key] for key in SHARED_KEYS if key in datasets[0][1]}
    reading = (shared.get("channels", 3), shared.get("extensions"))
    train, val = part_of(data_dir, TRAIN_FOLDERS, *reading), part_of(data_dir, VAL_FOLDERS, *reading)
    train_root = train or data_dir
    eval_root = val if train and val else None  # None: held out of train_root
    source = open_source(train_root, *reading)
    classes = class_folders(source)
    labelled = classes is not None and len(classes) > 1
    labels_needed = is_classifier(cfg)
    if not labelled:
        if labels_needed:
            raise UsageError(
                f"--data: {cfg.model.type} needs one sub-folder per class, at least two, in {train_root!r}; found "
                f"{'images outside of any' if classes is None else classes}"
            )
        _drop_hooks_with_data(cfg)
    elif labels_needed:
        check_folders(source)
    for path, node in datasets:
        for_training = _serves_training(path)
        kept = _kept(node)
        node.clear()
        node.update(shared, **kept)
        node.update(type="ImageFolder", labelled=labelled)
        node["root"] = train_root if for_training or eval_root is None else eval_root
        if labelled:
            node["classes"] = classes
        if eval_root is None and not for_training:
            node["subset"] = "holdout"
        elif eval_root is None and (labels_needed or path[0] != "train_dataloader"):
            node["subset"] = "train"
    if labels_needed:
        _set_num_classes(cfg, len(classes or ()))
    _check_batch(cfg, len(source), train_root)
    return cfg


def _kept(node: dict) -> dict:
    """Return the settings of a dataset that hold for a folder too.

    Built-in pictures have one size without transforms, and those of a folder get it.
    """
    kept = {key: node[key] for key in KEPT_KEYS if key in node}
    if str(node["type"]).removeprefix("mmmim.") == "ToyImages" and not kept.get("transforms"):
        size = node.get("img_size", TOY_SIZE)
        kept["transforms"] = [
            dict(type="Resize", size=size if isinstance(size, int) else max(size), antialias=True),
            dict(type="CenterCrop", size=size),
        ]
    return kept


def is_classifier(cfg: Config) -> bool:
    """Return whether the model is this project's ``ImageClassifier`` or a subclass, whatever its name."""
    from mmmim.models.classifiers import ImageClassifier

    kind = cfg.model.type
    try:
        built = MODELS.get(kind) if isinstance(kind, str) else kind
    except RuntimeError:  # MMEngine's answer to a name that is neither registered nor an import path
        return False
    return isinstance(built, type) and issubclass(built, ImageClassifier)


def _datasets(cfg: Config) -> list[tuple[tuple[str, ...], dict]]:
    return [
        (p, d) for p, d in _dicts(dict(cfg.items())) if str(d.get("type", "")).removeprefix("mmmim.") in OWN_DATASETS
    ]


def _dicts(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Yield every dict below ``node`` with the keys that lead to it; indices of lists are left out."""
    if isinstance(node, dict):
        yield path, node
        for key, value in list(node.items()):
            yield from _dicts(value, (*path, str(key)))
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _dicts(value, path)


def _serves_training(path: tuple[str, ...]) -> bool:
    """Return whether the innermost telling key is for training: ``custom_hooks.test_dataloader.dataset`` is not."""
    for name in reversed(path):
        if name.startswith(("val", "test")):
            return False
        if name.startswith("train"):
            return True
    return True


def _drop_hooks_with_data(cfg: Config) -> None:
    needs_labels = {id(hook) for hook in cfg.get("custom_hooks") or () if any("dataset" in p for p, _ in _dicts(hook))}
    if needs_labels:
        names = [hook.type for hook in cfg.custom_hooks if id(hook) in needs_labels]
        print_log(f"--data: no class folders, so without {', '.join(names)}", logger="current", level=logging.WARNING)
        cfg.custom_hooks = [hook for hook in cfg.custom_hooks if id(hook) not in needs_labels]


def _set_num_classes(cfg: Config, num_classes: int) -> None:
    for path, node in _dicts(dict(cfg.items())):
        if path and "num_classes" in node and not path[0].endswith("_dataloader"):
            node["num_classes"] = num_classes


def _check_batch(cfg: Config, num_images: int, folder: str) -> None:
    loader = cfg.get("train_dataloader") or {}
    dataset = dict(loader.get("dataset") or {})
    if dataset.get("keep") or dataset.get("list_file"):
        num_images = len(ImageFolder(**{key: value for key, value in dataset.items() if key != "type"}))
    if loader.get("drop_last") and num_images < loader.get("batch_size", 1):
        raise UsageError(
            f"--data: {folder!r} has {num_images} training images, fewer than one batch of {loader['batch_size']}; add "
            f"--cfg-options train_dataloader.batch_size={num_images}"
        )
