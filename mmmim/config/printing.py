"""A config as Python that runs, in the order in which a reader asks."""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from typing import Any

from mmmim.config.keys import runner_keys
from mmmim.config.origin import Origin

WIDTH = 120
INDENT = "    "
# Heading, and the keys below it; what is in none is of the run, or a helper variable.
ORDER: dict[str, tuple[str, ...]] = {
    "model": ("model", "tta_model"),
    "data": (
        *(f"{split}_{part}" for split in ("train", "val", "test") for part in ("dataloader", "evaluator")),
        "tta_pipeline",
        "assumed_num_images",
    ),
    "optimizer": ("optim_wrapper", "auto_scale_lr"),
    "schedule": ("param_scheduler", "train_cfg", "val_cfg", "test_cfg"),
}


def printed(settings: Mapping[str, Any], origins: Mapping[str, Origin] | None = None) -> str:
    """Return ``settings`` as the text of a config file; ``origins`` become comments behind the values."""
    known = runner_keys() | {"default_scope", "env_cfg", "log_level"}
    placed = {key for keys in ORDER.values() for key in keys}
    rest = [key for key in settings if key not in placed]
    sections = {
        **{heading: [key for key in keys if key in settings] for heading, keys in ORDER.items()},
        "run": [key for key in rest if key in known],
        "helper variables of the files, used above": [key for key in rest if key not in known],
    }
    lines: list[str] = []
    for heading, keys in sections.items():
        if keys:
            lines += [*([""] if lines else []), f"# {heading}"]
        for key in keys:
            lines += _lines(f"{key} = ", settings[key], None if origins is None else origins[key], "", "")
    return "\n".join(lines) + "\n"


def _lines(prefix: str, value: Any, origin: Origin | None, indent: str, end: str) -> list[str]:
    """Lines of one value: on a single one where it fits and comes from one file."""
    comment = f"  # {origin}" if isinstance(origin, str) else ""
    whole = f"{indent}{prefix}{_text(value)}{end}"
    if not isinstance(origin, dict) and (len(whole) <= WIDTH or not _opened(value)):
        return [whole + comment]
    opening, names, closing = _opened(value) or ("", [], "")
    items = value.values() if isinstance(value, dict) else value
    lines = [f"{indent}{prefix}{opening}"]
    for index, (name, item) in enumerate(zip(names, items, strict=True)):
        key = list(value)[index] if isinstance(value, dict) else str(index)
        below = origin[key] if isinstance(origin, dict) else None
        lines += _lines(name, item, below, indent + INDENT, ",")
    return [*lines, f"{indent}{closing}{end}{comment}"]


def _opened(value: Any) -> tuple[str, list[str], str] | None:
    """Brackets of a container and what stands before each of its items; None for a plain or an empty value."""
    if isinstance(value, dict) and value:
        if all(isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key) for key in value):
            return "dict(", [f"{key}=" for key in value], ")"
        return "{", [f"{_text(key)}: " for key in value], "}"
    if isinstance(value, (list, tuple)) and value:
        return ("[", [""] * len(value), "]") if isinstance(value, list) else ("(", [""] * len(value), ")")
    return None


def _text(value: Any) -> str:
    if (brackets := _opened(value)) is not None:
        opening, names, closing = brackets
        items = value.values() if isinstance(value, dict) else value
        inner = ", ".join(name + _text(item) for name, item in zip(names, items, strict=True))
        return f"{opening}{inner}{',' if isinstance(value, tuple) and len(value) == 1 else ''}{closing}"
    if isinstance(value, dict):
        return "dict()"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, str) and '"' not in value:
        return '"' + repr(value)[1:-1].replace("\\'", "'") + '"'
    return repr(value)
