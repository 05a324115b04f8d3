from __future__ import annotations

import pytest

from mmmim.launch.process import is_first_process


@pytest.mark.parametrize(
    ("name", "value", "first"), [("RANK", "0", True), ("RANK", "3", False), ("SLURM_PROCID", "1", False)]
)
def test_first_process(name: str, value: str, first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv(name, value)
    assert is_first_process() is first
