from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("newest_tool", ROOT / "tools/newest.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "newest_tool", module)  # where dataclasses look up the module of a class
    spec.loader.exec_module(module)
    return module


def test_counts_of_the_last_line(newest: ModuleType) -> None:
    line = "7 failed, 2394 passed, 3 deselected, 27 warnings, 2 errors in 189.89s (0:03:09)\n"
    assert newest.counts(line) == {"failed": 7, "passed": 2394, "error": 2}
    assert newest.counts("no tests ran in 0.1s") == {}


def test_an_absent_python_is_named_and_the_other_environment_runs(newest: ModuleType, monkeypatch, capsys) -> None:
    oldest = newest.ENVIRONMENTS["oldest"].python
    monkeypatch.setattr(newest, "find_python", lambda version: None if version == oldest else sys.executable)
    monkeypatch.setattr(newest, "install", lambda name, environment, python: python)
    monkeypatch.setattr(newest, "run_suite", lambda python, arguments: ({"passed": len(arguments)}, 0))
    assert newest.main(["tests/models", "-x"]) == 1
    table = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert table[2][:2] == ["| oldest", oldest] and "no such Python here" in table[2][-3]
    assert table[3][0] == "| newest" and table[3][-3:-1] == ["2", "0"]
    assert newest.main(["newest"]) == 0
