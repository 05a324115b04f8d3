"""Resolve the ``type=`` strings of a config, and list the arguments that they accept."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from mmengine.registry import DefaultScope, Registry, root
from mmengine.utils import ManagerMixin

from mmmim.errors import nearest

EVERYWHERE: tuple[Registry, ...] = (
    root.MODELS,
    root.DATASETS,
    root.TRANSFORMS,
    root.HOOKS,
    root.TASK_UTILS,
    root.WEIGHT_INITIALIZERS,
    root.METRICS,
    root.EVALUATOR,
    root.DATA_SAMPLERS,
    root.OPTIMIZERS,
    root.OPTIM_WRAPPERS,
    root.PARAM_SCHEDULERS,
    root.LOOPS,
    root.VISUALIZERS,
    root.VISBACKENDS,
    root.LOG_PROCESSORS,
    root.FUNCTIONS,
    root.MODEL_WRAPPERS,
)

# Arguments that a registry's build function takes out before it calls the class.
TAKEN_BEFORE_BUILDING: dict[str, tuple[str, ...]] = {
    "hook": ("priority",),
    "parameter scheduler": ("convert_to_iter_based", "epoch_length"),
    "optim_wrapper": ("optimizer", "constructor", "paramwise_cfg"),
    "weight initializer": ("override",),
}


def _in_scope(registry: Registry, scope: str | None) -> Registry:
    """Return where MMEngine would look: the child of the root ``registry`` for ``scope`` (default: the current one)."""
    current = DefaultScope.get_current_instance()
    name = scope or (current.scope_name if current else "mmengine")
    with suppress(ImportError):
        import_module(f"{name}.registry")
    return registry.children.get(name, registry)


def resolve(name: str, registries: Sequence[Registry], scope: str | None) -> tuple[Any, Registry] | None:
    """Return the class or function that MMEngine would build for ``name`` and its root registry, or None."""
    for registry in registries:
        try:
            found = _in_scope(registry, scope).get(name)
        except RuntimeError:  # MMEngine's answer to a name that is neither registered nor an import path
            continue
        if found is not None:
            return found, registry
    return None


def _names(registry: Registry, scope: str | None) -> Iterable[str]:
    current: Registry | None = _in_scope(registry, scope)
    own = current.scope if current else None
    while current is not None:
        yield from current.module_dict
        current = current.parent
    ours = registry.children.get("mmmim")
    if ours is not None and own != "mmmim":
        ours.import_from_location()
        yield from (f"mmmim.{name}" for name in ours.module_dict)


def suggestions(name: str, registries: Sequence[Registry], scope: str | None) -> list[str]:
    """Return registered names like ``name``; ``ViT`` in an MMSegmentation config suggests ``mmmim.ViT``."""
    known = {known for registry in registries for known in _names(registry, scope)}
    bare = name.rpartition(".")[2]
    other_scope = [entry for entry in sorted(known) if entry.rpartition(".")[2].lower() == bare.lower()]
    return (other_scope + [match for match in nearest(name, known) if match not in other_scope])[:3]


def accepted_arguments(built: Any) -> tuple[set[str], bool]:
    """Return the names that a constructor accepts, and whether it may accept others (``**kwargs`` of unknown use).

    ``**kwargs`` is followed through the base classes, as ``super().__init__(**kwargs)`` does.
    """
    if not inspect.isclass(built):
        return _parameters(built)
    names: set[str] = {"name"} if issubclass(built, ManagerMixin) else set()
    for base in built.__mro__:
        if base is object or "__init__" not in vars(base):
            continue
        own, is_open = _parameters(vars(base)["__init__"])
        names |= own - {"self"}
        if not is_open:
            return names, False
    return names, True


def _parameters(function: Any) -> tuple[set[str], bool]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # builtins without a signature
        return set(), True
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    is_open = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    return {parameter.name for parameter in parameters if parameter.kind not in variadic}, is_open


def default_scope(name: str | None) -> Any:
    """Return a context in which bare names resolve as they will when the Runner builds with ``default_scope=name``."""
    return DefaultScope.overwrite_default_scope(name or "mmengine")
