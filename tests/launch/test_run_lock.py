"""Two runs never share a work directory, and nothing of an unfinished run is overwritten unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from stopped_run import stopped

from mmmim.errors import UsageError
from mmmim.launch import run_lock as lock_module
from mmmim.launch.run_lock import LOCK_FILE, Owner, check_unfinished, run_lock


def test_a_second_run_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    with run_lock(tmp_path):
        said = rf"process {os.getpid()} on .* trains there \(running for 0 minutes\).*delete .*run\.lock"
        with pytest.raises(UsageError, match=said), run_lock(tmp_path):
            pass
        assert (tmp_path / LOCK_FILE).exists()
    assert not (tmp_path / LOCK_FILE).exists()
    with run_lock(tmp_path / "new" / "folder"):
        pass


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), run_lock(tmp_path):
        raise RuntimeError
    with run_lock(tmp_path):
        pass


def written(folder: Path, **changes: object) -> Path:
    owner = dict(Owner.this_process()._asdict(), started="2020-01-01 00:00:00", **changes)
    (folder / LOCK_FILE).write_text(json.dumps(owner), encoding="utf-8")
    return folder / LOCK_FILE


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("case", ["ended", "another with its number", "empty", "half written"])
def test_a_stale_lock_is_taken_over(tmp_path: Path, case: str) -> None:
    if case == "ended":
        written(tmp_path, pid=ended_process())
    elif case == "another with its number":
        written(tmp_path, born="1")
    else:
        (tmp_path / LOCK_FILE).write_text("" if case == "empty" else '{"host": "a', encoding="utf-8")
    with run_lock(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text(encoding="utf-8"))["pid"] == os.getpid()


def test_a_killed_process_leaves_no_lock_that_holds(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from mmmim.launch.run_lock import run_lock; lock = run_lock(sys.argv[1]); "
        "lock.__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert (tmp_path / LOCK_FILE).exists()
    with run_lock(tmp_path):
        pass


def test_another_machine_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "SILENT_SECONDS", 1.0)
    file, ended = written(tmp_path, host="elsewhere"), threading.Event()

    def beats() -> None:
        while not ended.wait(0.05):
            os.utime(file, (0, time.monotonic()))  # its clock went back

    other = threading.Thread(target=beats)
    other.start()
    try:
        with pytest.raises(UsageError, match="on elsewhere trains there"), run_lock(tmp_path):
            pass
    finally:
        ended.set()
        other.join()
    with run_lock(tmp_path):  # silent now
        pass


def test_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "BEAT_SECONDS", 0.01)
    with run_lock(tmp_path):
        before = (tmp_path / LOCK_FILE).stat().st_mtime_ns
        while (tmp_path / LOCK_FILE).stat().st_mtime_ns == before:
            time.sleep(0.01)


# ------------------------------------------------------------------ unfinished runs


def test_an_unfinished_run_asks(tmp_path: Path) -> None:
    stopped(tmp_path, 4)
    with pytest.raises(UsageError, match=r"stopped at iteration 4 of 10: rolling\.pth.*--resume.*--overwrite"):
        check_unfinished(tmp_path, resumes=False, overwrite=False)
    check_unfinished(tmp_path, resumes=True, overwrite=False)
    with pytest.raises(UsageError, match="give one of them"):
        check_unfinished(tmp_path, resumes=True, overwrite=True)
    check_unfinished(tmp_path, resumes=False, overwrite=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["finished", "other files", "empty"])
def test_other_folders_do_not_ask(tmp_path: Path, content: str) -> None:
    if content == "finished":
        stopped(tmp_path, 10)
    elif content == "other files":
        torch.save(dict(weight=torch.zeros(1)), tmp_path / "weights.pth")
        (tmp_path / "broken.pth").write_text("x", encoding="utf-8")
    check_unfinished(tmp_path, resumes=False, overwrite=False)
