from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.launch.options import load_config

ROOT = Path(__file__).parents[2]


def test_an_old_path_works_and_tells_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("mmmim.launch.options.print_log", lambda text, **_: told.append(text))
    old = ROOT / "configs/ccmim/vit-b_800e_official.py"
    cfg = load_config(str(old))
    assert cfg.filename == str(ROOT / "configs/ccmim/vit-b_official_800e.py")
    assert cfg.work_dir == "work_dirs/ccmim/vit-b_800e_official"  # where an earlier run left its checkpoints
    assert len(told) == 1 and "is now" in told[0] and "ccmim/vit-b_official_800e.py" in told[0]
