from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmmim.benchmark import own_data
from mmmim.benchmark.own_data import StepTime, time_steps
from mmmim.launch.options import load_config
from mmmim.launch.prepare import PreparedRun, Settings, prepare

TINY = {
    "model.backbone.arch": dict(_delete_=True, embed_dims=16, depth=1, num_heads=2),
    "model.backbone.img_size": 32,
    "model.neck.dims": 16,
    "model.neck.depth": 1,
    "train_dataloader.batch_size": 4,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
    "train_dataloader.dataset.num_images": 12,
    "train_dataloader.dataset.img_size": 32,
    "train_dataloader.dataset.transforms.0.size": 32,
}


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedRun:
    return prepare(load_config("mae/vit-tiny_toy", TINY, str(tmp_path / "work")), Settings(epochs=400))


class Clock:
    """A clock on which every look takes ten seconds."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> tuple[float, float]:
        self.looks += 1
        return 10.0 * self.looks, 3.0 * self.looks


def test_steps_of_several_epochs_are_timed(
    prepared: PreparedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_data, "clocks", clock := Clock())
    shown: list[Any] = []
    assert time_steps(prepared, 5, 1e9, lambda *numbers: shown.append(numbers)) == StepTime(10.0, 5, 3.0)
    assert clock.looks == 1 + own_data.WARMUP + 5
    assert shown[-1] == (5, 5) and shown[0] == (0, 5)
    assert not (tmp_path / "work").exists()
    assert prepared.cfg.train_cfg.max_epochs == 400 and prepared.cfg.default_hooks.checkpoint is not None


def test_slow_steps_end_sooner(prepared: PreparedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_data, "clocks", clock := Clock())
    assert time_steps(prepared, 20, 35.0) == StepTime(10.0, 4, 3.0)
    assert clock.looks == 1 + 1 + 4  # the first step took more than a quarter of the limit
    assert time_steps(prepared, 20, 0.0).steps == own_data.FEWEST


def test_hours() -> None:
    assert StepTime(1.8, 20).hours(4000) == pytest.approx(2.0)
