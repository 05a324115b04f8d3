"""Checkpoint files: what they hold, and that no failure costs the last good one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from mmmim.checkpoint import files as checkpoint_io
from mmmim.checkpoint.files import atomic_write, find_damage


def test_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    file.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_write(file) as new:
        new.write(b"half of the n")
        raise KeyboardInterrupt
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.pth"]
    with atomic_write(file) as new:
        new.write(b"new")
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new"


def test_data_is_on_disk_before_the_file_appears(tmp_path: Path, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(checkpoint_io.os, "fsync", lambda fd, real=os.fsync: (calls.append("fsync"), real(fd)))
    monkeypatch.setattr(
        checkpoint_io.os, "replace", lambda a, b, real=os.replace: (calls.append("replace"), real(a, b))
    )
    with atomic_write(tmp_path / "a.pth") as file:
        file.write(b"x")
    assert calls == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("change", ["truncate", "flip", "empty"])
def test_damage_is_found(tmp_path: Path, change: str) -> None:
    file = tmp_path / "a.pth"
    torch.save(dict(weight=torch.arange(1000.0)), file)
    assert find_damage(file) is None
    content = bytearray(file.read_bytes())
    if change == "flip":
        content[len(content) // 2] ^= 1
    file.write_bytes(dict(truncate=content[:-100], flip=content, empty=b"")[change])
    assert find_damage(file)
