"""Times the training steps of a table's rows in turns, so that other load on the machine affects all of them alike."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from mmmim.config.crops import crop_size
from mmmim.config.folder import workplace
from mmmim.environment import code_commit, device_name, versions
from mmmim.errors import UsageError
from mmmim.launch.precision import fit_to_device
from mmmim.reproduce.counts import source, times_file
from mmmim.reproduce.layout import read
from mmmim.reproduce.tables import Table

Step = Callable[[], None]


def time_rows(method: str, table: Table, images: int, rounds: int = 8) -> Path:
    """Write the median seconds of a training step per image for the rows whose relative cost is a column.

    Args:
        images: Number of images in a step.
        rounds: Timed steps of each row, after two to warm up.

    Raises:
        UsageError: The table has no such rows.
    """
    rows = [row for row in table.rows if any(count.what == "cost" for count in row.counts().values())]
    if not rows:
        raise UsageError(f"--time {images}: {table.name} has no row whose relative cost could be measured")
    MMLogger.get_instance("timing", log_level="ERROR")
    steps: dict[str, Step] = {}  # rows that differ only in length share one step
    of_row: dict[str, str] = {}
    for row in rows:
        cfg = read(*source(method, row))
        of_row[row.name] = key = repr(cfg.model)
        if key not in steps:
            steps[key] = training_step(cfg, images)
    taken = time_in_turns(steps, rounds)
    file = workplace() / times_file(method, table)
    file.parent.mkdir(parents=True, exist_ok=True)
    seconds = {name: taken[key] / images for name, key in of_row.items()}
    origin = dict(images=images, rounds=rounds, device=device_name(), versions=versions(), commit=code_commit())
    file.write_text(json.dumps(dict(seconds=seconds, **origin), indent=2) + "\n", encoding="utf-8")
    return file


def time_in_turns(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Return the median seconds of each step."""
    seconds: dict[str, list[float]] = {key: [] for key in steps}
    for number in range(-2, rounds):
        for key in list(steps) if number % 2 else list(reversed(steps)):
            begun = time.perf_counter()
            steps[key]()
            if number >= 0:
                seconds[key].append(time.perf_counter() - begun)
    return {key: statistics.median(values) for key, values in seconds.items()}


def training_step(cfg: Any, images: int) -> Step:
    """Return a function that makes one update on random images in the recipe's precision, with untrained tokenizers."""
    init_default_scope(cfg.default_scope)
    fit_to_device(cfg)
    model: Any = MODELS.build(cfg.model).to(get_device()).train()
    for module in model.modules():
        if hasattr(module, "loaded"):  # a tokenizer would read its file, whose content does not change the time
            vars(module)["loaded"] = True
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    size = crop_size(cfg, getattr(model.backbone, "img_size", None))
    assert size is not None
    batch = dict(inputs=torch.randint(256, (images, 3, *size), dtype=torch.uint8), indices=torch.arange(images))

    def step() -> None:
        if hasattr(model, "set_step"):
            model.set_step(0, 0)
        model.train_step(dict(batch), wrapper)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return step
