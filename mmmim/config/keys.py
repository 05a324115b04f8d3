"""The known keys of a config's top level and of sections without a class, and the check of ``--cfg-options``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmmim.config.recipe import KEYS as RECIPE_KEYS
from mmmim.config.types import EVERYWHERE, TAKEN_BEFORE_BUILDING, accepted_arguments, default_scope, resolve
from mmmim.errors import MISSPELT, UsageError, did_you_mean, nearest

# Read from ``runner.cfg`` by MMEngine, or by the tools of this project, without being arguments of the Runner.
READ_FROM_CONFIG = {
    "activation_checkpointing",
    "assumed_num_images",
    "compile",
    "custom_imports",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "launcher",
    "model_wrapper_cfg",
    "recipe",
    "runner_type",
    "sync_bn",
    "tta_model",
    "tta_pipeline",
}
SECTION_KEYS: dict[str, set[str]] = {
    "auto_scale_lr": {"enable", "base_batch_size", "recipe_batch_size", "recipe_num_images"},
    "env_cfg": {"cudnn_benchmark", "mp_cfg", "dist_cfg", "resource_limit"},
    "randomness": {"seed", "diff_rank_seed", "deterministic"},
    "recipe": RECIPE_KEYS,
}
# Helper variables that shipped and customary configs define and that resemble a key without being one.
CUSTOMARY = {"models", *(f"{split}_{part}" for split in ("train", "val", "test") for part in ("pipeline", "dataset"))}


def runner_keys() -> set[str]:
    """Return the top-level keys that the Runner or the tools of this project read."""
    return (set(inspect.signature(Runner).parameters) - {"cfg"}) | READ_FROM_CONFIG


def dataloader_keys() -> set[str]:
    """Return the keys that a dataloader's config may have."""
    own = set(inspect.signature(DataLoader).parameters)
    return own | {"num_batch_per_epoch", "persistent_workers", "_delete_"}


def default_type(section: str, node: Mapping[str, Any]) -> str | None:
    """Return the class that the Runner builds for a section without ``type``, or None if it builds none."""
    if section == "train_cfg":
        return "EpochBasedTrainLoop" if node.get("by_epoch", True) and "max_iters" not in node else "IterBasedTrainLoop"
    if section == "optim_wrapper":
        return "OptimWrapper" if "optimizer" in node else None
    if section.endswith("_evaluator"):
        return "Evaluator" if "metrics" in node else None
    return {
        "val_cfg": "ValLoop",
        "test_cfg": "TestLoop",
        "log_processor": "LogProcessor",
        "visualizer": "Visualizer",
        "model_wrapper_cfg": "MMDistributedDataParallel",
    }.get(section)


def misspelt_top_level_keys(cfg: Config) -> Iterator[str]:
    """Yield a line for each unknown key that closely resembles a known one; other unknown keys are helper variables.

    A ``vis_backends`` that differs from the visualizer's is reported too: the base file used it before it was changed.
    """
    known = runner_keys()
    for key in cfg:
        if key in known or key in CUSTOMARY or key.startswith(tuple(f"{name}_" for name in known)):
            continue
        if nearest(key, known, MISSPELT):
            yield (
                f"{key}: nothing reads this key{did_you_mean(key, known, MISSPELT)} "
                "(a helper variable of the config may have any name less like a known key)"
            )
    backends = _without_scope(cfg.get("vis_backends"))
    if backends is not None and backends != _without_scope((cfg.get("visualizer") or {}).get("vis_backends")):
        yield f"vis_backends={backends}: nothing reads this key; set visualizer=dict(vis_backends=...)"


def _without_scope(settings: Any) -> Any:
    """Return the settings without ``_scope_``, which MMEngine adds to those from the files of other projects."""
    if not isinstance(settings, (list, tuple)):
        return settings
    return [{k: v for k, v in each.items() if k != "_scope_"} if isinstance(each, dict) else each for each in settings]


def check_options(cfg: Config, options: Mapping[str, Any]) -> list[str]:
    """Refuse a ``--cfg-options`` path that leads to nothing.

    A path may end in a new key if the class that is built there accepts such an argument, or if the Runner knows it.

    Returns:
        Remarks on paths that exist but that nothing reads, because the file's variables have already been evaluated.

    Raises:
        UsageError: A path leads to nothing; the message names it and the nearest keys.
    """
    remarks = []
    with default_scope(cfg.get("default_scope")):
        for path in options:
            parts = path.split(".")
            node: Any = dict(cfg.items())
            for depth, part in enumerate(parts):
                if isinstance(node, (list, tuple)):
                    node = _item(node, part, path)
                    continue
                if not isinstance(node, dict):
                    break  # the option replaces a plain value by a dict
                if part in node:
                    node = node[part]
                    continue
                new_type = options.get(".".join([*parts[:depth], "type"]))
                known, is_open = _known_keys(node if new_type is None else {"type": new_type}, parts[:depth])
                fits = part in known or part == "_delete_" or (is_open and not nearest(part, known, MISSPELT))
                if not fits:
                    at = ".".join(parts[:depth]) or "the config"
                    raise UsageError(
                        f"--cfg-options {path}={options[path]}: {at} has no key {part!r}{did_you_mean(part, known)}"
                    )
                break
            if parts[0] in cfg and parts[0] not in runner_keys() | set(SECTION_KEYS) | {"default_scope"}:
                remarks.append(
                    f"--cfg-options {path}: {parts[0]!r} is a helper variable of the config file, which is already "
                    "evaluated; set the key that it was used for"
                )
    return remarks


def _item(node: list[Any] | tuple[Any, ...], part: str, path: str) -> Any:
    if part.isdigit() and int(part) < len(node):
        return node[int(part)]
    raise UsageError(f"--cfg-options {path}: {part!r} is no index of a list of {len(node)} (use 0..{len(node) - 1})")


def _known_keys(node: Mapping[str, Any], parents: list[str]) -> tuple[set[str], bool]:
    """Return the keys that ``node`` accepts, and whether it may accept others."""
    if not parents:
        return runner_keys() | set(node), False
    section = parents[0]
    if len(parents) == 1 and section.endswith("_dataloader"):
        return dataloader_keys() | set(node), False
    if len(parents) == 1 and section in SECTION_KEYS:
        return SECTION_KEYS[section], False
    kind = node.get("type") or (default_type(section, node) if len(parents) == 1 else None)
    found = resolve(kind, EVERYWHERE, None) if isinstance(kind, str) else None
    if found is None:
        return set(node), True
    names, is_open = accepted_arguments(found[0])
    return names | set(TAKEN_BEFORE_BUILDING.get(found[1].name, ())) | set(node), is_open
