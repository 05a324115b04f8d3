from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmmim.datasets.toy_layouts import write_ade20k, write_coco


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("toys")
    write_ade20k(root / "seg", num_train=6, num_val=2, num_classes=2)
    write_coco(root / "det", num_train=4, num_val=2, num_classes=2)
    return root


@pytest.fixture
def data(toys: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(toys, tmp_path / "data"))
