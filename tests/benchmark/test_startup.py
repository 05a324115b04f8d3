from __future__ import annotations

from pathlib import Path

import pytest
from benchmark_figures import figures_of


@pytest.mark.slow
def test_startup(tmp_path: Path) -> None:
    found = figures_of(["startup", "--rounds", "1"], tmp_path)
    assert {"import torch", "import mmmim", "train.py --help", "first step"} <= set(found)
