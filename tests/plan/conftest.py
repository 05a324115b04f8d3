from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def without_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Real data that a machine may have below ``data/`` is out of sight."""
    monkeypatch.chdir(tmp_path)
