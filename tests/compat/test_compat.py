from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from mmengine.config.utils import MODULE2PACKAGE
import beside
finders = [type(finder).__name__ for finder in sys.meta_path]
found = [sys.argv, __name__, "TorchvisionOpsFinder" in finders, MODULE2PACKAGE["mmseg"]]
open(sys.argv[1], "w").write(json.dumps(found))
"""


def test_a_script_runs_as_if_alone_with_operators_and_configs_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, answer = tmp_path / "script.py", tmp_path / "answer.json"
    script.write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "beside.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["-m", str(script), str(answer), "--option"])
    monkeypatch.setattr(sys, "path", [*sys.path])
    runpy.run_module("mmmim.compat", run_name="__main__")
    assert json.loads(answer.read_text(encoding="utf-8")) == [
        [str(script), str(answer), "--option"],
        "__main__",
        True,
        "mmseg",
    ]


def test_without_a_script_it_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["-m"])
    with pytest.raises(SystemExit, match=r"python -m mmmim\.compat SCRIPT"):
        runpy.run_module("mmmim.compat", run_name="__main__")
