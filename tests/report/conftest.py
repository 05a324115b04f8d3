from __future__ import annotations

from pathlib import Path

import pytest
from tiny_mae import TINY

import mmmim
from mmmim.report.run_folder import RunFolder, read_run


@pytest.fixture(scope="session")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run of two epochs on the built-in pictures, with a checkpoint of each."""
    folder = tmp_path_factory.mktemp("report") / "mae"
    options = TINY | {
        "train_dataloader.dataset.num_images": 8,
        "train_dataloader.dataset.img_size": 32,
        "default_hooks.checkpoint.interval": 1,
        "default_hooks.checkpoint.max_keep_ckpts": 9,
        "default_hooks.logger.interval": 1,
    }
    mmmim.train("mae/vit-tiny_toy", epochs=2, work_dir=folder, cfg_options=options)
    return folder


@pytest.fixture(scope="session")
def run(work_dir: Path) -> RunFolder:
    return read_run(work_dir)
