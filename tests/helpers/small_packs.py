from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from mmmim.datasets import ImageFolder, SampleKey
from mmmim.datasets.packs import PackReport, PackSettings, shards, write_pack
from mmmim.datasets.sources import open_source

CROP = [dict(type="RandomResizedCrop", size=8, scale=(0.2, 1.0), antialias=True)]


def pack(folder: Path, out: Path, workers: int = 1, channels: int = 3, **settings: Any) -> PackReport:
    settings = dict(dict(per_shard=10, size=256, channels=channels), **settings)
    return write_pack(open_source(str(folder), channels), out, PackSettings(**settings), workers)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def flip(folder: Path, index: int) -> str:
    """Change a bit of an image and return the shard."""
    source = open_source(str(folder))
    file, offset = int(source.columns["file"][index]), int(source.columns["offset"][index])
    path = folder / f"shard-{file:05d}.zip"
    content = bytearray(path.read_bytes())
    content[offset + 20] ^= 1
    path.write_bytes(content)
    return path.name


def entry(tmp_path: Path, name: str) -> bytes:
    source = open_source(f"{tmp_path}/pack", extensions=[os.path.splitext(name)[1]])
    assert list(source.names) == [name]
    return source.read(0)


def pack_slowly(folder: Path, out: Path, workers: int = 1) -> None:
    encode = shards.encode

    def slow(*arguments: Any) -> Any:
        time.sleep(0.02)
        Path(f"{out}.{os.getpid()}.pid").touch()
        return encode(*arguments)

    shards.encode = slow
    pack(folder, out, workers)


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int, error: Exception) -> None:
    calls, encode = iter(range(after)), shards.encode

    def interrupted(*arguments: Any) -> Any:
        if next(calls, None) is None:
            raise error
        return encode(*arguments)

    monkeypatch.setattr(shards, "encode", interrupted)


def samples(root: Path, **options: Any) -> list[dict]:
    data = ImageFolder(str(root), CROP, **options)
    found = [data[SampleKey(1, 2, i)] for i in range(len(data))]
    assert data.bad_files == []
    return found


def assert_same(one: list[dict], other: list[dict]) -> None:
    assert [(s["labels"], s["indices"]) for s in one] == [(s["labels"], s["indices"]) for s in other]
    assert all(torch.equal(a["inputs"], b["inputs"]) for a, b in zip(one, other, strict=True))
