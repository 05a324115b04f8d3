"""Recipes that go on with a fine-tuned classifier: does the checkpoint hold the head that they load?"""

from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmmim.checkpoint.names import listing, model_state, strip_prefix
from mmmim.config.recipe import recipe_of
from mmmim.config.types import default_scope
from mmmim.errors import UsageError
from mmmim.registry import MODELS


def check_head(cfg: Config, slot: dict[str, Any]) -> None:
    """MMEngine loads what fits and warns about the rest: here a head that would stay random stops the run.

    Args:
        slot: ``model.head.init_cfg`` with its ``checkpoint`` and ``prefix``.

    Raises:
        UsageError: the file has no head (pre-training wrote it), or one of other names or shapes.
    """
    file, prefix = slot["checkpoint"], slot.get("prefix") or "head."
    checkpoint = CheckpointLoader.load_checkpoint(file, map_location="cpu", logger="silent")
    stored = strip_prefix(model_state(checkpoint), prefix)
    if not stored:
        raise UsageError(
            f"{file} has no classification head ({prefix}*): pre-training wrote it, and this recipe goes on with a "
            f"fine-tuned classifier; fine-tune first{_recipes(cfg)}, and give the checkpoint of that run"
        )
    with default_scope(cfg.get("default_scope")):
        head = MODELS.build({**cfg.model.head, "init_cfg": None})
    wanted = head.state_dict()
    wrong = [
        f"{name} (file {tuple(stored[name].shape) if name in stored else 'without'}, model {tuple(wanted[name].shape)})"
        for name in wanted
        if name not in stored or stored[name].shape != wanted[name].shape
    ]
    if wrong:
        raise UsageError(
            f"{file} does not fit model.head: {listing(wrong)}; give a run of the same classes and head, or set "
            "model.head.num_classes, in_channels and norm as it had them"
        )


def _recipes(cfg: Config) -> str:
    """The recipe that comes before, where the config names it."""
    after = recipe_of(cfg).after if cfg.get("recipe") else None
    return f" with configs/{after}" if after else ""
