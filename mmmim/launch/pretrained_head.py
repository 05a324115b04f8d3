"""Check the checkpoint of recipes that continue a fine-tuned classifier: it must contain the head that they load."""

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
    """Refuse a checkpoint whose head does not fit, because MMEngine would only warn and leave the head random.

    Args:
        slot: ``model.head.init_cfg`` with its ``checkpoint`` and ``prefix``.

    Raises:
        UsageError: The file has no head because pre-training wrote it, or its head has other names or shapes.
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
    """Return a hint to the recipe that comes before, where the config names it."""
    after = recipe_of(cfg).after if cfg.get("recipe") else None
    return f" with configs/{after}" if after else ""
