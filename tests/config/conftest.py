from __future__ import annotations

from pathlib import Path

import pytest
from tiny_tasks import task_config

__all__ = ["task_config"]


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.py").write_text(
        "sizes = dict(width=4)\n"
        "model = dict(neck=dict(type='A', depth=1), head=dict(type='B', loss='l1'), views=[dict(p=0.1), dict(p=0.2)])\n"
        "train_cfg = dict(max_epochs=3)\n",
        encoding="utf-8",
    )
    (tmp_path / "run.py").write_text(
        "_base_ = ['base.py']\n"
        "neck = dict(depth=2, **_base_.sizes)\n"
        "model = dict(neck=neck, head=dict(_delete_=True, type='C', k={{_base_.sizes.width}}))\n"
        "del neck\n",
        encoding="utf-8",
    )
    return tmp_path / "run.py"
