import os

import pytest

from mmmim.launch import cores


@pytest.mark.parametrize("text, expected", [("max 100000", 64), ("150000 100000", 2), ("10000 100000", 1), ("x", 64)])
def test_the_quota_of_a_container_counts(tmp_path, monkeypatch, text, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(cores, "QUOTA", tmp_path / "cpu.max")
    assert cores.available_cores() == 64
    cores.QUOTA.write_text(text, encoding="utf-8")
    assert cores.available_cores() == expected
