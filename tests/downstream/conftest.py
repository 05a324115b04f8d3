"""One pre-training run of a few steps, whose checkpoint every test here hands over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dense_run import ROOT, Run, pre_train, train_dense


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of two real steps of the toy recipe."""
    return pre_train(ROOT / "configs/ccmim/vit-tiny_toy.py", tmp_path_factory.mktemp("pretraining"))


@pytest.fixture(scope="session")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """``dense(config, checkpoint, options, resume=None)`` trains a toy config in a fresh folder."""
    data = tmp_path_factory.mktemp("data")

    def train(config: str, checkpoint: Path | None, options: dict[str, Any], resume: str | None = None) -> Run:
        return train_dense(config, checkpoint, options, tmp_path_factory.mktemp("run"), data, resume)

    return train
