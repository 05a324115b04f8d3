from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from other_containers import (
    as_word,
    save_to_disk,
    table_of,
    write_parquet,
    write_webdataset,
    write_zip,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMMIM_CACHE", str(tmp_path / "cache" / "mmmim"))


@pytest.fixture
def made(class_folder: Path, tmp_path: Path) -> Callable[[str], Path]:
    """``made(kind)``: the class folder in another form."""

    def make(kind: str) -> Path:
        out = tmp_path / "made" / kind
        if kind in ("stored.zip", "deflated.zip"):
            return write_zip(class_folder, out, zipfile.ZIP_STORED if kind == "stored.zip" else zipfile.ZIP_DEFLATED)
        if kind == "tars":
            write_webdataset(class_folder, f"{out}/{{}}.tar", label_file=as_word)
        elif kind == "one.tar":
            write_webdataset(class_folder, str(out), 1, label_file=as_word)
        elif kind == "folder.tar":
            out.parent.mkdir(parents=True, exist_ok=True)
            with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as archive:
                archive.add(class_folder, ".")
        elif kind == "arrow":
            save_to_disk(table_of(class_folder, ("ant", "bee", "cat")), out)
        elif kind == "parquet":
            write_parquet(table_of(class_folder, ("ant", "bee", "cat")), out / "0000.parquet")
        return out

    return make
