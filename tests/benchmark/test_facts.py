from __future__ import annotations

import datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from mmmim.benchmark import facts


def test_a_figure_comes_with_the_day_the_machine_and_its_versions() -> None:
    machine = facts.machine()
    assert datetime.date.fromisoformat(machine["date"]) and machine["cores"] >= 1 and machine["processor"]
    assert machine["torch"] == version("torch") and machine["timm"] == version("timm")


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "PACKAGES", ("torch", "no-such-package"))
    assert "no-such-package" not in facts.machine()


def test_the_processor_is_told_where_the_system_names_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(facts.platform, "processor", lambda: "")
    monkeypatch.setattr(facts.platform, "machine", lambda: "riscv64")
    (tmp_path / "cpuinfo").write_text("hart\t: 0\n", encoding="utf-8")
    for place in (tmp_path / "cpuinfo", tmp_path / "not there"):
        monkeypatch.setattr(facts, "Path", lambda _, place=place: place)
        assert facts.machine()["processor"] == "riscv64"
