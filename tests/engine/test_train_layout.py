from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine.runner import Runner
from tiny_run import tiny_config

from mmmim.engine.train_layout import global_batch, layout_changes, train_layout

BEFORE = dict(batch_size=4, processes=2, accumulation=3, images=1000)
BATCH = "the batch: 24 images per update"


def test_the_layout_of_a_run(tmp_path: Path) -> None:
    runner = Runner.from_cfg(tiny_config(tmp_path, **{"optim_wrapper.accumulative_counts": 2}))
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    assert train_layout(runner) == dict(batch_size=4, processes=1, images=22, epoch_length=6, accumulation=2)


def test_factors_of_a_batch_do_not_matter() -> None:
    assert global_batch(BEFORE) == global_batch(dict(batch_size=24)) == "24 images per update"
    assert layout_changes(BEFORE, dict(batch_size=6, processes=4, accumulation=1, images=1000)) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (dict(images=1500), ["the data: 1,000 images -> 1,500"]),
        (dict(batch_size=8), [f"{BATCH} -> 48 images per update"]),
        (
            dict(batch_size=8, images=9),
            ["the data: 1,000 images -> 9", "the batch: 24 images per update -> 48 images per update"],
        ),
    ],
)
def test_changes_are_told(changes: dict[str, Any], told: list[str]) -> None:
    assert layout_changes(BEFORE, {**BEFORE, **changes}) == told


def test_what_an_old_checkpoint_does_not_say_is_not_compared() -> None:
    assert layout_changes({}, BEFORE) == [] and layout_changes(dict(batch_size=9), BEFORE) == []
