"""MMEngine's private ways to read one config file are there and mean what they did."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config, ConfigDict

from mmmim.config.internals import base_files, filled_text, merged, name_scopes, with_scope


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    base, file = tmp_path / "base.py", tmp_path / "run.py"
    base.write_text("model = dict(type='A', width=3)\nrest = 1\n", encoding="utf-8")
    file.write_text(
        "_base_ = ['./base.py']\nname = '{{ fileBasenameNoExtension }}'\nn = {{'$HOW_MANY:7'}}\n", encoding="utf-8"
    )
    return base, file


def test_bases_of_a_file(files: tuple[Path, Path]) -> None:
    assert list(base_files(files[1])) == [(files[0].resolve(), None)]
    assert list(base_files(files[0])) == []


def test_variables_are_filled_in(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOW_MANY", raising=False)
    assert filled_text(files[1]).splitlines()[1:] == ["name = 'run'", "n = 7"]
    monkeypatch.setenv("HOW_MANY", "9")
    assert filled_text(files[1]).splitlines()[2] == "n = 9"


def test_what_they_give_together_is_the_config(files: tuple[Path, Path]) -> None:
    base = with_scope(dict(Config.fromfile(files[0])), None)
    own = dict(model=dict(width=5), rest=dict(_delete_=True, a=1))
    name_scopes(own)
    assert merged(own, base) == ConfigDict(model=dict(type="A", width=5), rest=dict(a=1))


def test_the_scope_of_another_package_is_written_where_it_is_used() -> None:
    base = with_scope(dict(model=dict(type="A")), "mmseg")
    own = dict(mine=base.model)
    name_scopes(own)
    assert own["mine"]["_scope_"] == "mmseg"
