"""One pre-training run of a few steps, whose checkpoint every test here hands over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dense_run import ROOT, Run, train_dense
from mmengine.runner import Runner

from mmmim.engine import run_options
from mmmim.engine.checkpoint_io import newest_good_checkpoint


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of two real steps of the toy recipe."""
    options = {"train_cfg.max_epochs": 1, "train_dataloader.dataset.num_images": 8, "train_dataloader.batch_size": 4}
    config = str(ROOT / "configs" / "ccmim" / "vit-tiny_toy.py")
    cfg = run_options.load_config(config, options, str(tmp_path_factory.mktemp("pretraining")))
    Runner.from_cfg(cfg).train()
    file = newest_good_checkpoint(cfg.work_dir)
    assert file is not None
    return file


@pytest.fixture(scope="session")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """``dense(config, checkpoint, options, resume=None)`` trains a toy config in a fresh folder."""
    data = tmp_path_factory.mktemp("data")

    def train(config: str, checkpoint: Path | None, options: dict[str, Any], resume: str | None = None) -> Run:
        return train_dense(config, checkpoint, options, tmp_path_factory.mktemp("run"), data, resume)

    return train
