from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from small_packs import assert_same, samples

from mmmim.datasets import ImageFolder, storage


def test_a_stale_handle_is_opened_again(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, stale, pread = ImageFolder(str(packed)), [True], os.pread
    wanted = data[3]["inputs"]

    def once_stale(*arguments: Any) -> bytes:
        if stale and stale.pop():
            raise OSError(errno.ESTALE, "Stale file handle")
        return pread(*arguments)

    opened: list[str] = []
    monkeypatch.setattr(storage.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(os, "pread", once_stale)
    real = io.FileIO
    monkeypatch.setattr(io, "FileIO", lambda path, mode: opened.append(path) or real(path, mode))
    assert torch.equal(data[3]["inputs"], wanted) and data.bad_files == [] and opened == [f"{packed}/shard-00000.zip"]


def test_a_process_with_too_many_open_files_closes_some(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, refusals, real = ImageFolder(str(packed)), [True], io.FileIO

    def too_many(path: str, mode: str) -> Any:
        if path.endswith("3.zip") and refusals and refusals.pop():
            raise OSError(errno.EMFILE, "Too many open files", path)
        return real(path, mode)

    monkeypatch.setattr(io, "FileIO", too_many)
    data.source.opened._opened.clear()
    assert [data[i]["indices"] for i in (0, 12, 24, 35, 0)] == [0, 12, 24, 35, 0] and refusals == []


def test_more_shards_than_files_may_be_open(packed: Path, monkeypatch: pytest.MonkeyPatch, class_folder: Path) -> None:
    monkeypatch.setattr("mmmim.datasets.sources.open_files.MAX_OPEN", 2)
    assert_same(samples(packed), samples(class_folder))
    data = ImageFolder(str(packed))
    assert all(data[i]["indices"] == i for i in range(35, -1, -3)) and len(data.source.opened._opened) <= 2
