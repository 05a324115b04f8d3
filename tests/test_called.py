from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmmim.called import as_called, program

ROOT = Path(__file__).parents[2]


def test_a_tool_names_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(ROOT / "tools/train.py")])
    assert program() == "tools/train.py"
    assert as_called("python tools/knn.py CONFIG") == "python tools/knn.py CONFIG"
    monkeypatch.setattr(sys, "argv", ["/site-packages/mmmim/.mim/tools/train.py"])
    assert program() == "mmmim train"
    text = "python tools/knn.py C; bash tools/dist_train.sh C 8; tools/print_config.py C; tools/analysis/avgdist.py"
    assert as_called(text) == "mmmim knn C; mmmim dist-train C 8; mmmim print-config C; tools/analysis/avgdist.py"


def test_processes_of_a_verb_name_verbs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mmmim", "dist-train", "mae/vit-tiny_toi", "1"],
        cwd=tmp_path,
        env={**os.environ, "LOCAL_GPUS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "did you mean configs/mae/vit-tiny_toy.py" in done.stderr
