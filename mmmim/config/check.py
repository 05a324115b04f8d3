"""Read a config as the Runner would build it, and report misspelt types and keys before anything is built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry, root

from mmmim.config.keys import (
    SECTION_KEYS,
    dataloader_keys,
    default_type,
    misspelt_top_level_keys,
)
from mmmim.config.recipe import recipe_problems
from mmmim.config.types import (
    EVERYWHERE,
    TAKEN_BEFORE_BUILDING,
    accepted_arguments,
    default_scope,
    resolve,
    suggestions,
)
from mmmim.errors import MISSPELT, UsageError, did_you_mean, nearest

# Top-level sections and the registries that build them.
SECTIONS: dict[str, tuple[Registry, ...]] = {
    "model": (root.MODELS,),
    "tta_model": (root.MODELS,),
    "data_preprocessor": (root.MODELS,),
    "train_cfg": (root.LOOPS,),
    "val_cfg": (root.LOOPS,),
    "test_cfg": (root.LOOPS,),
    "optim_wrapper": (root.OPTIM_WRAPPERS,),
    "param_scheduler": (root.PARAM_SCHEDULERS,),
    "val_evaluator": (root.METRICS, root.EVALUATOR),
    "test_evaluator": (root.METRICS, root.EVALUATOR),
    "tta_pipeline": (root.TRANSFORMS,),
    "default_hooks": (root.HOOKS,),
    "custom_hooks": (root.HOOKS,),
    "visualizer": (root.VISUALIZERS,),
    "vis_backends": (root.VISBACKENDS,),
    "log_processor": (root.LOG_PROCESSORS,),
    "model_wrapper_cfg": (root.MODEL_WRAPPERS,),
    "train_dataloader": (),
    "val_dataloader": (),
    "test_dataloader": (),
}
# Keys that name the registry of what stands below them, wherever they are: in a hook, in a wrapper, in a list.
CHILDREN: dict[str, tuple[Registry, ...]] = {
    "optimizer": (root.OPTIMIZERS,),
    "init_cfg": (root.WEIGHT_INITIALIZERS,),
    "override": (root.WEIGHT_INITIALIZERS,),
    "vis_backends": (root.VISBACKENDS,),
}
# The same for data, also as the last word of a longer key: ``train_dataset``, ``tta_pipeline``.
DATA_CHILDREN: dict[str, tuple[Registry, ...]] = {
    "dataset": (root.DATASETS,),
    "datasets": (root.DATASETS,),
    "pipeline": (root.TRANSFORMS,),
    "transforms": (root.TRANSFORMS,),
    "evaluator": (root.METRICS, root.EVALUATOR),
    "metrics": (root.METRICS,),
    "batch_sampler": (root.DATA_SAMPLERS,),
    "collate_fn": (root.FUNCTIONS,),
    "worker_init_fn": (root.FUNCTIONS,),
}
DATALOADER = re.compile(r"(.*_)?dataloaders?")  # ``Runner.build_dataloader`` reads what stands below, whoever has it
DATA_KEY = re.compile(rf"(?:.*_)?({'|'.join(DATA_CHILDREN)})")
# What MMSegmentation's and MMDetection's classes build through a registry; other ``type`` keys they read themselves.
HOST_PARTS = re.compile(
    r"(.*_)?(backbone|neck|head|generator|coder|assigner|sampler|extractor|preprocessor|encoder|decoder)"
    r"|loss_\w+|(norm|act|conv)_cfg"
)
READ_OTHER_LIBRARIES = {"Albu", "mmdet.Albu", "mmseg.Albu"}  # what stands below them names classes of albumentations


@dataclass(frozen=True)
class Place:
    """A node of the config: its dotted path, the registries that build it, and who reads it."""

    path: str
    key: str
    registries: tuple[Registry, ...]
    scope: str | None
    by_us: bool  # read by the Runner or by a class of this project, so every ``type`` names a registered class
    is_named: bool = True  # the key says which registries these are; otherwise they are those of the node above

    def below(self, key: str, by_us: bool) -> Place:
        """Return the place of the value of ``key``, which this package reads or another one."""
        named = _registries_of(key)
        return Place(f"{self.path}.{key}", key, named or self.registries, self.scope, by_us, named is not None)

    def item(self, name: str) -> Place:
        """Return the place of an item of this node, which the same registries build."""
        return replace(self, path=f"{self.path}{name}")


def _registries_of(key: str) -> tuple[Registry, ...] | None:
    if (data := DATA_KEY.fullmatch(key)) is not None:
        return DATA_CHILDREN[data[1]]
    return CHILDREN.get(key)


def config_problems(cfg: Config) -> list[str]:
    """Return every problem that :func:`check_config` would report, one line each."""
    problems = list(misspelt_top_level_keys(cfg))
    with default_scope(cfg.get("default_scope")):
        for section, registries in SECTIONS.items():
            node, place = cfg.get(section), Place(section, section, registries, None, True)
            if isinstance(node, dict) and "type" not in node and (kind := default_type(section, node)):
                taken = ("by_epoch",) if section == "train_cfg" else ()  # by which the Runner chooses the loop
                problems += _walk({**{k: v for k, v in node.items() if k not in taken}, "type": kind}, place)
            elif node is not None:
                problems += _walk(node, place)
    for section, known in SECTION_KEYS.items():
        unknown = [key for key in cfg.get(section) or () if key not in known]
        problems += [f"{section}.{key}: no such key{did_you_mean(key, known)}" for key in unknown]
    return list(dict.fromkeys([*problems, *recipe_problems(cfg)]))


def check_config(cfg: Config) -> None:
    """Refuse misspelt types, arguments and top-level keys, all in one error.

    Raises:
        UsageError: There are problems; each has a line with the key path, the value and the nearest known names.
    """
    problems = config_problems(cfg)
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise UsageError(f"{cfg.filename or 'config'} cannot be built as written:{lines}")


def _dataloader(node: dict[str, Any], place: Place) -> Iterator[str]:
    known = dataloader_keys()
    for key, value in node.items():
        if key not in known:
            yield f"{place.path}.{key}: a dataloader has no such key{did_you_mean(key, known)}"
        elif isinstance(value, (dict, list, tuple)):
            below = place.below(key, True)
            if key == "sampler":  # elsewhere, MMDetection's models have samplers of boxes under this key
                below = replace(below, registries=(root.DATA_SAMPLERS,), is_named=True)
            yield from _walk(value, below)


def _walk(node: Any, place: Place) -> Iterator[str]:
    if isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from _walk(value, place.item(f"[{index}]"))
    if not isinstance(node, dict):
        return
    if DATALOADER.fullmatch(place.key):
        if place.key.endswith("s") and "dataset" not in node:  # several, by name
            for name, loader in node.items():
                yield from _walk(loader, place.item(f".{name}"))
        else:
            yield from _dataloader(node, place)
        return
    place = replace(place, scope=node.get("_scope_", place.scope))
    by_us = place.by_us
    if "type" in node and (place.by_us or place.is_named or HOST_PARTS.fullmatch(place.key)):
        built, registry = _built_by(node, place)
        if built is None:
            yield from _unregistered(node["type"], place)
            return
        by_us = _is_ours(built)
        yield from _arguments(node, built, registry, place)
    for key, value in node.items():
        if isinstance(value, (dict, list, tuple)) and node.get("type") not in READ_OTHER_LIBRARIES:
            yield from _walk(value, place.below(key, by_us))


def _is_ours(built: Any) -> bool:
    return getattr(built, "__module__", "").startswith("mmmim.")


def _built_by(node: dict[str, Any], place: Place) -> tuple[Any, Registry]:
    """Return what ``node`` builds and the registry that knows it, or ``(None, …)`` if no registry does."""
    if not isinstance(node["type"], str):
        return node["type"], (*place.registries, root.MODELS)[0]
    elsewhere = () if place.is_named else tuple(other for other in EVERYWHERE if other not in place.registries)
    found = resolve(node["type"], place.registries + elsewhere, place.scope)
    return found if found is not None else (None, root.MODELS)


def _unregistered(kind: str, place: Place) -> Iterator[str]:
    package = kind.partition(".")[0]
    if package != kind and find_spec(package) is None:
        yield f"{place.path}.type={kind!r}: the package {package!r} is not installed"
        return
    near = suggestions(kind, place.registries or EVERYWHERE, place.scope)
    if near or place.by_us:
        wanted = place.registries[0].name if place.registries else "component"
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        yield f"{place.path}.type={kind!r}: no {wanted} of that name is registered{hint}"


def _arguments(node: dict[str, Any], built: Any, registry: Registry, place: Place) -> Iterator[str]:
    if not _is_ours(built) and place.key in ("norm_cfg", "act_cfg", "conv_cfg"):
        return  # their builders take keys out before they call the class
    names, is_open = accepted_arguments(built)
    names |= {"type", "_scope_", *TAKEN_BEFORE_BUILDING.get(registry.name, ())}
    sure = not is_open and (place.by_us or _is_ours(built))
    for key, value in node.items():
        if key not in names and (sure or nearest(key, names, MISSPELT)):
            kind = getattr(built, "__name__", str(built))
            yield f"{place.path}.{key}={_short(value)}: {kind} takes no such argument{did_you_mean(key, names)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
