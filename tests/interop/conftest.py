"""A checkpoint to export."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_encoders import write_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "run.pth")
    return tmp_path / "run.pth"
