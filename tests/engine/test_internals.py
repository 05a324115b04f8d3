"""MMEngine's own names that the package uses are there and mean what they did."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from tiny_run import tiny_config
from torch import nn
from torch.utils.data import DataLoader

from mmmim.engine.internals import (
    LazyVisualizer,
    Start,
    accumulation_of,
    end_workers,
    set_start,
    start_of,
    update_val_interval,
)

PACKAGE = Path(__file__).parents[2] / "mmmim"


def test_start_of_a_run(tmp_path: Path) -> None:
    runner = Runner.from_cfg(tiny_config(tmp_path / "first", **{"train_cfg.max_epochs": 1}))
    assert start_of(runner) == Start(None, False)
    runner.train()
    runner.save_checkpoint(str(tmp_path), "last.pth")
    file = str(tmp_path / "last.pth")
    again = Runner.from_cfg(tiny_config(tmp_path / "again", load_from="nowhere.pth"))
    assert start_of(again) == Start("nowhere.pth", False)
    set_start(again, Start(file, True))
    assert start_of(again) == Start(file, True)
    again.load_or_resume()
    assert again.iter == runner.iter > 0


def test_accumulation() -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    assert [accumulation_of(OptimWrapper(optimizer, accumulative_counts=n)) for n in (1, 4)] == [1, 4]


def test_validation_interval_of_the_moment(tmp_path: Path) -> None:
    runner = Runner.from_cfg(tiny_config(tmp_path, **{"train_cfg.dynamic_intervals": [(2, 3)]}))
    loop = runner.train_loop
    before = loop.val_interval
    loop._epoch = 1
    update_val_interval(loop)
    assert loop.val_interval == 3 != before


def test_workers_end() -> None:
    loader = DataLoader(range(4), num_workers=1, persistent_workers=True)  # type: ignore[arg-type]
    list(loader)
    (worker,) = loader._iterator._workers
    end_workers(loader)
    worker.join(timeout=900)
    assert not worker.is_alive()


def test_a_figure_is_made_when_something_is_drawn() -> None:
    image, boxes = np.full((8, 12, 3), 200, np.uint8), np.array([[1, 1, 6, 5]])
    drawn = []
    for kind in (Visualizer, LazyVisualizer):
        visualizer = kind(image=image)
        visualizer.draw_bboxes(boxes)
        drawn.append(visualizer.get_image())
    assert np.array_equal(*drawn) and not np.array_equal(drawn[0], image)
    visualizer = LazyVisualizer()
    assert not vars(visualizer).keys() & set(LazyVisualizer.FIGURE)
    visualizer.set_image(image)
    assert vars(visualizer).keys() >= set(LazyVisualizer.FIGURE)
    with pytest.raises(AttributeError, match="'LazyVisualizer' object has no attribute 'figure'"):
        visualizer.figure  # noqa: B018


def test_nothing_else_is_reached_into() -> None:
    private = re.compile(
        r"\b(runner|loop|wrapper|hub|scheduler|hook|loader|dataloader|cfg|config|changed|DictAction|Config|Runner|"
        r"CheckpointLoader|Registry)\._[a-z]\w*"
    )
    found = {
        (str(path.relative_to(PACKAGE)), match[0])
        for path in PACKAGE.rglob("*.py")
        for match in private.finditer(path.read_text(encoding="utf-8"))
        if path.name != "internals.py"
    }
    assert not found
