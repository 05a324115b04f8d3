"""Numbers of a table that are computed from its configs, or from the time of their training steps."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import init_default_scope

from mmmim.config.folder import project_folder, workplace
from mmmim.plan.dry_run import image_shape
from mmmim.plan.flops import flop_counter
from mmmim.plan.memory import ValuesReadAsZero, build_without_storage, fake_copy
from mmmim.reproduce.cost import gflop
from mmmim.reproduce.layout import read
from mmmim.reproduce.tables import Count, Row, Table, cfg_options, config_path

TIMES = Path("work_dirs/reproduce/times")
Options = tuple[str, ...]


def counted(method: str, table: Table, row: Row, metric: str, count: Count) -> float | None:
    """Return the number, or None where it waits for a measurement."""
    if count.what == "cost":
        return relative_cost(method, table, row, metric)
    name = count.config or row.config
    assert name is not None
    config = str(config_path(method, name, f"row '{row.name}'").relative_to(project_folder()))
    options = tuple(cfg_options(row.overrides)) if count.config is None else ()
    return step_gflop(config, options) if count.what == "gflop" else encoder_gmacs(config, options)


@cache
def step_gflop(config: str, options: Options) -> float | None:
    """Return the GFLOP of one image in a training step, forward and backward."""
    cfg = read(config, options)
    init_default_scope(cfg.default_scope)
    return gflop(cfg, None)


@cache
def encoder_gmacs(config: str, options: Options) -> float:
    """Return the multiply-adds of one image in the encoder, in billions."""
    cfg = read(config, options)
    init_default_scope(cfg.default_scope)
    model = build_without_storage(cfg)
    shape = image_shape(model, cfg)
    assert shape is not None
    with fake_copy(model) as fake, ValuesReadAsZero(), flop_counter() as counter, torch.no_grad():
        encoder: Any = fake.eval().backbone
        encoder(torch.zeros(1, *shape))
    return counter.get_total_flops() / 2e9


def relative_cost(method: str, table: Table, row: Row, metric: str) -> float | None:
    """Return the time of a pre-training divided by that of the row whose published cost is 1.

    The times come from ``tools/reproduce.py --time``; without them the result is None.
    """
    try:
        seconds = json.loads((workplace() / times_file(method, table)).read_text(encoding="utf-8"))["seconds"]
    except FileNotFoundError:
        return None
    reference = next((each for each in table.rows if each.published.get(metric) == 1.0), None)
    if reference is None or not {row.name, reference.name} <= set(seconds):
        return None
    whole = [seconds[each.name] * epochs(method, each) for each in (row, reference)]
    return whole[0] / whole[1]


def times_file(method: str, table: Table) -> Path:
    """Return the file to which ``--time`` writes the seconds of a training step per image, by row."""
    return TIMES / f"{method}_{table.name}.json"


def epochs(method: str, row: Row) -> int:
    """Return the epochs of the row's pre-training; all rows see the same images in each epoch."""
    return read(*source(method, row)).train_cfg.max_epochs


def source(method: str, row: Row) -> tuple[str, Options]:
    """Return the row's config, relative to the root of the repository, and the words after ``--cfg-options``."""
    assert row.config is not None
    config = config_path(method, row.config, f"row '{row.name}'")
    return str(config.relative_to(project_folder())), tuple(cfg_options(row.overrides))
