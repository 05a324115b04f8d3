from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from small_packs import pack, pack_slowly

from mmmim.datasets.packs import pool
from mmmim.errors import RunFailed


def test_several_workers_write_the_bytes_of_one(class_folder: Path, tmp_path: Path) -> None:
    for workers in (1, 3):
        pack(class_folder, tmp_path / f"pack{workers}", workers, size=12)
    one, three = ({p.name: p.read_bytes() for p in (tmp_path / f"pack{w}").iterdir()} for w in (1, 3))
    assert one == three and set(one) == {"pack.json", "index.npz", *(f"shard-{k:05d}.zip" for k in range(4))}


def test_workers_end_when_the_command_is_killed(class_folder: Path, tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=pack_slowly, args=(class_folder, tmp_path / "pack", 2))
    process.start()
    while len(workers := [int(path.suffixes[-2][1:]) for path in tmp_path.glob("pack.*.pid")]) < 2:
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    deadline = time.monotonic() + 30
    while any(map(_runs, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not pack(class_folder, tmp_path / "pack").was_complete


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_worker_that_is_killed_is_told(class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(pool, "write_shard", die)
    with pytest.raises(RunFailed, match=r"a worker process was killed.*fewer --workers"):
        pack(class_folder, tmp_path / "pack", workers=2)
