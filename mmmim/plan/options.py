"""The changes to a shipped config with which an advised run fits the images, as ``--cfg-options`` writes them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from mmmim.datasets.survey import Reading
from mmmim.plan.rules import TRANSFORM, MethodRule, SizeRule


def model_options(size: SizeRule, method: MethodRule, crop: int, patch: int) -> dict[str, str]:
    """Return the changes to a method's config that give it an encoder, a crop and patches of another size."""
    grid = crop // patch
    values = dict(patch=patch, two=2 * patch, tokens=8 * grid, hidden=round(method.share * grid**2))
    arch = size.arch
    own = method.full_options if size.full else method.small_options
    wide = crop + 2 * round(crop * 3 / 14)
    options = dict(word.format(**values).split("=", 1) for word in (*own, *method.options))
    if size.full:
        options["model.backbone.arch"] = str(arch.name)
    else:
        sizes = dict(embed_dims=arch.embed_dims, depth=arch.depth, num_heads=arch.num_heads)
        options |= {f"model.backbone.arch.{key}": str(value) for key, value in sizes.items()}
    options["model.backbone.img_size"], options["model.backbone.patch_size"] = str(crop), str(patch)
    options[f"{TRANSFORM}.{method.crop_keys[size.full]}"] = str(wide if method.wide else crop)
    return options


def reading_options(reading: Reading) -> dict[str, str]:
    """Return the changes to a config that let it read other images than 8-bit colours."""
    if reading.is_usual:
        return {}
    options = {
        "model.data_preprocessor.mean": _listed(reading.mean),
        "model.data_preprocessor.std": _listed(reading.std),
    }
    if reading.channels != 3:
        options["train_dataloader.dataset.channels"] = str(reading.channels)
        options["model.backbone.in_channels"] = str(reading.channels)
    if reading.value_range is not None:
        options["train_dataloader.dataset.value_range"] = _listed(reading.value_range)
    return options


def _listed(values: Sequence[Any]) -> str:
    return "[" + ",".join(_listed(each) if isinstance(each, (list, tuple)) else f"{each:g}" for each in values) + "]"


def parsed(options: dict[str, str]) -> dict[str, Any]:
    """Return options with the values that ``--cfg-options`` gives them."""
    return {key: _value(text) for key, text in options.items()}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
