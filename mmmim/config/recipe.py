"""Read the facts that a config states about its run: ``recipe = dict(task=..., scale=..., toy=..., after=...)``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from mmengine.config import Config

from mmmim.errors import UsageError, one_of

TASKS = ("pretrain", "finetune", "probe", "knn", "segmentation", "detection")
SCALES = ("full", "toy")


@dataclass(frozen=True)
class Recipe:
    """A run's place among others.

    Args:
        task: What is trained: ``pretrain``; ``finetune``, a whole classifier; ``probe``, a head on the frozen encoder;
            ``knn``, nothing; ``segmentation`` and ``detection``.
        scale: ``toy`` for minutes on the built-in pictures.
        toy: Its twin at toy scale: a config below ``configs``, or the tool ``probe`` or ``knn``.
        after: The config, below ``configs``, whose checkpoint it goes on from, head included.
    """

    task: str
    scale: str = "full"
    toy: str | None = None
    after: str | None = None

    def __post_init__(self) -> None:
        one_of("recipe.task", self.task, TASKS)
        one_of("recipe.scale", self.scale, SCALES)


KEYS = {field.name for field in fields(Recipe)}


def recipe_of(cfg: Config) -> Recipe:
    """Return what ``cfg`` says of its run.

    Raises:
        UsageError: it does not say its task, or says one that there is not.
    """
    told: dict[str, Any] = dict(cfg.get("recipe") or {})
    if "task" not in told:
        raise UsageError(
            f"{cfg.filename or 'config'}: recipe.task is missing; inherit one of configs/_base_/*_runtime.py, or set "
            f"recipe=dict(task=...), one of {', '.join(TASKS)}"
        )
    return Recipe(**{key: value for key, value in told.items() if key in KEYS})


def recipe_problems(cfg: Config) -> list[str]:
    """Return what is wrong with a config's ``recipe``; a config need not have one."""
    try:
        if cfg.get("recipe"):
            recipe_of(cfg)
    except UsageError as error:
        return [str(error)]
    return []
