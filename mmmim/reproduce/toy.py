"""A row of a table at toy size: the toy config that its own names, with the changes that the row is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from mmengine.config import Config

from mmmim.reproduce.command import TOOLS
from mmmim.reproduce.recipes import from_folder, recipe_in
from mmmim.reproduce.tables import Evaluation, Row, Table, config_path

# Lengths and sizes of the full-size run, which are dropped because the toy config has its own.
DROPPED = (
    "train_cfg",
    "param_scheduler",
    "train_dataloader",
    *(f"model.backbone.{size}" for size in ("arch", "img_size", "patch_size", "window_size")),
)


@dataclass
class ToyRow:
    """A row at toy size: ``config`` is None where there is none; ``remarks`` say why, or what was kept and dropped."""

    config: str | None
    overrides: dict[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    before: tuple[str, str] | None = None
    remarks: list[str] = field(default_factory=list)


def toy_row(method: str, table: Table, row: Row) -> ToyRow:
    """Return the row at toy size."""
    assert row.config is not None
    if recipe_in(method, row.config).scale == "toy":
        return ToyRow(row.config, row.overrides)
    if isinstance(row.toy, str):
        return ToyRow(None, remarks=[f"no toy version: {row.toy}"])
    config = toy_config(method, row.config)
    if not row.evaluations():
        return ToyRow(None, remarks=["no toy version: no run gives its numbers"])
    if config is None:
        return ToyRow(None, remarks=[f"no toy version: {row.config} has no toy config"])
    before = None
    if row.before is not None:
        key, earlier = row.before
        if (small := toy_config(method, earlier)) is None:
            return ToyRow(None, remarks=[f"no toy version: {earlier} has no toy config"])
        before = (key, small)
    dropped = sorted(key for key in row.overrides if is_dropped(key))
    kept = {key: value for key, value in row.overrides.items() if key not in dropped} if row.toy is None else row.toy
    if "param_scheduler" in row.overrides:  # a scheduler of another kind is kept and stretched
        kept = kept | {key: row.overrides[key] for key in ("param_scheduler", "train_cfg.max_epochs")}
    words = shorter(method, table, row, config)
    remarks = [
        config.removesuffix(".py"),
        *(["as the toy config"] if not kept else [f"with {', '.join(sorted(kept))}"]),
    ]
    sizes = [key for key in dropped if key not in kept and not key.startswith(("train_cfg", "param_scheduler"))]
    if sizes:
        remarks.append(f"without {', '.join(sizes)}")
    if words:
        remarks.append(f"--epochs {words[1]}")
    return ToyRow(config, kept, words, before, ["toy: " + "; ".join(remarks)])


def is_dropped(key: str) -> bool:
    """Return whether an override is about lengths or sizes, which the toy config has of its own."""
    return any(key == name or key.startswith(f"{name}.") for name in DROPPED)


def shorter(method: str, table: Table, row: Row, config: str) -> tuple[str, ...]:
    """Return ``--epochs N`` where the rows of a table differ in length.

    The longest row gets the length of the toy config, and the others keep their proportion to it.
    """
    same = [each for each in table.rows if each.config and toy_config(method, each.config) == config]
    lengths = {each.name: epochs_of(method, each) for each in same}
    longest, own = max(lengths.values()), lengths[row.name]
    if len(set(lengths.values())) == 1 and "param_scheduler" not in row.overrides:
        return ()
    whole = epochs_of(method, Row("toy", config))
    epochs = max(1, int(whole * own / longest + 0.5))
    return () if epochs == whole and "param_scheduler" not in row.overrides else ("--epochs", str(epochs))


def epochs_of(method: str, row: Row) -> int:
    """Return the number of epochs of a row."""
    assert row.config is not None
    return row.overrides.get("train_cfg.max_epochs") or _epochs(method, row.config)


@cache
def _epochs(method: str, config: str) -> int:
    return Config.fromfile(config_path(method, config, config)).train_cfg.max_epochs


def toy_config(method: str, config: str) -> str | None:
    """Return the twin at toy scale that the config names, or None."""
    twin = recipe_in(method, config).toy
    return None if twin is None else from_folder(method, twin)


def toy_evaluation(method: str, evaluation: Evaluation) -> Evaluation | None:
    """Return the same evaluation of a toy encoder, with its own lr; the linear probe is that of ``tools/probe.py``."""
    if evaluation.config in TOOLS:
        return evaluation
    recipe = recipe_in(method, evaluation.config)
    if recipe.scale == "toy":
        return evaluation
    if recipe.toy is None or recipe.toy in TOOLS:
        return None if recipe.toy is None else Evaluation(recipe.toy)
    after = None if evaluation.after is None else toy_evaluation(method, Evaluation(evaluation.after))
    start = None if after is None else after.config
    return Evaluation(from_folder(method, recipe.toy), start, evaluation.multi_scale)
