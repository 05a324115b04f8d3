from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.config import folder
from mmmim.config.folder import CLONE, tools_folder, workplace


def test_configs_from_elsewhere_come_without_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine/configs/_base_").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv(folder.CONFIGS_VARIABLE, str(tmp_path / "mine/configs"))
    folder.configs_folder.cache_clear()
    try:
        assert tools_folder() == CLONE / "tools"
        assert workplace() == tmp_path / "here"
    finally:
        folder.configs_folder.cache_clear()
