from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stopped_run import stopped

from mmmim.errors import UsageError
from mmmim.launch import run_prepared as module
from mmmim.launch.options import load_config
from mmmim.launch.prepare import PreparedRun, Settings, prepare
from mmmim.launch.run_lock import run_lock
from mmmim.launch.run_prepared import run_prepared
from mmmim.launch.run_record import RunRecord

TOY = str(Path(__file__).parents[2] / "configs/simmim/vit-tiny_toy.py")


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedRun:
    cfg = load_config(TOY, {"auto_scale_lr.recipe_num_images": 1_000_000}, str(tmp_path / "run"))
    return prepare(cfg, Settings())


class FakeRunner:
    """Keeps what would be logged, and whether it trains."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.trained = 0
        self.world_size, self.log_dir = 1, folder
        self.logger = SimpleNamespace(info=self.said.append, warning=self.said.append)
        self.train_loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=range(4096)))

    def train(self) -> None:
        self.trained += 1


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRunner:
    fake = FakeRunner(tmp_path)
    monkeypatch.setattr(module, "build_runner", lambda cfg: fake)
    monkeypatch.setattr(module, "record_of", lambda *_: RunRecord("mmmim train x"))
    monkeypatch.setattr(module, "announce", lambda *_: None)
    return fake


def test_a_run_says_so(prepared: PreparedRun, runner: FakeRunner) -> None:
    run_prepared(prepared)
    assert runner.trained == 1
    assert any("the warm-up has 64 updates on these 4,096 images" in remark for remark in runner.said)


def test_a_folder_in_use_is_refused_and_free_afterwards(prepared: PreparedRun, runner: FakeRunner) -> None:
    folder: Any = prepared.cfg.work_dir
    with run_lock(folder), pytest.raises(UsageError, match="run"):
        run_prepared(prepared)
    assert runner.trained == 0
    run_prepared(prepared)
    assert runner.trained == 1


def test_an_unfinished_run_is_not_overwritten_unasked(prepared: PreparedRun, runner: FakeRunner) -> None:
    folder = Path(prepared.cfg.work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    stopped(folder, 4)
    with pytest.raises(UsageError, match="--overwrite"):
        run_prepared(prepared)
    assert runner.trained == 0 and (folder / "rolling.pth").exists()
    run_prepared(prepared, overwrite=True)
    assert runner.trained == 1 and not (folder / "rolling.pth").exists()
