from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from mmmim.datasets.sources import index as index_module
from mmmim.datasets.sources import open_source


def test_an_index_is_made_once_and_again_after_a_change(made: Any, tmp_path: Path, monkeypatch: Any) -> None:
    folder = made("tars")
    first = list(open_source(str(folder)).names)
    assert (folder / ".mmmim-index.npz").is_file()
    monkeypatch.setattr("mmmim.datasets.sources.tars._index", lambda *_: pytest.fail("listed again"))
    assert list(open_source(str(folder)).names) == first
    monkeypatch.undo()
    shutil.copy(folder / "0000.tar", folder / "0003.tar")
    assert len(open_source(str(folder))) == 48


def test_the_index_of_a_folder_that_cannot_be_written_goes_into_the_cache(made: Any, monkeypatch: Any) -> None:
    folder, write = made("arrow"), index_module.atomic_write

    def refuses(path: Path) -> Any:
        if path.parent == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return write(path)

    monkeypatch.setattr(index_module, "atomic_write", refuses)
    first = list(open_source(str(folder)).names)
    assert not (folder / ".mmmim-index.npz").exists()
    monkeypatch.setattr("mmmim.datasets.sources.arrow._index", lambda *_: pytest.fail("listed again"))
    assert list(open_source(str(folder)).names) == first


def test_a_damaged_index_is_made_again(made: Any) -> None:
    folder = made("tars")
    first = list(open_source(str(folder)).names)
    file = folder / ".mmmim-index.npz"
    file.write_bytes(file.read_bytes()[:100])
    assert list(open_source(str(folder)).names) == first
