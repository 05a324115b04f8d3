from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.config.find import find_config
from mmmim.errors import UsageError

ROOT = Path(__file__).parents[2]


def test_nearest_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(UsageError, match=r"did you mean configs/ccmim/vit-b_800e\.py"):
        find_config("configs/ccmim/vit-b_800.py")
    with pytest.raises(UsageError, match=r"configs/mae/vit-h_800e\.py"):
        find_config("vit-h_800e.py")
