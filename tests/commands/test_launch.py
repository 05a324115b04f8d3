"""Processes are started, started again after a failure, and their status is that of the run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmmim.commands import launch
from mmmim.commands.launch import FAILED, INTERRUPTED, STOPPED, USAGE, parse_args

# Stands for tools/train.py: notes its arguments and does what the file "plan" says for its attempt.
SCRIPT = """
import os, signal, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
rank = os.environ["RANK"]
attempts = folder / f"attempts_{rank}"
with attempts.open("a") as file:
    file.write(" ".join(sys.argv[2:]) + "\\n")
plan = (folder / "plan").read_text().splitlines()
what = plan[min(len(attempts.read_text().splitlines()), len(plan)) - 1]
if what == "wait":
    signal.signal(signal.SIGTERM, lambda *_: (folder.joinpath(f"saved_{rank}").touch(), sys.exit(75)))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    folder.joinpath(f"waits_{rank}").touch()
    time.sleep(900)
if what == "kill 1" and rank == "1":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(what) if what.isdigit() else 0)
"""


def prepared(folder: Path, *plan: str) -> Path:
    (folder / "plan").write_text("\n".join(plan), encoding="utf-8")
    (folder / "train.py").write_text(SCRIPT, encoding="utf-8")
    return folder / "train.py"


def start(folder: Path, *words: str, processes: int = 2) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mmmim.commands.launch", "--processes", str(processes), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_for(*files: Path) -> None:
    deadline = time.monotonic() + 900
    while not all(file.exists() for file in files):
        assert time.monotonic() < deadline, f"{files} did not appear"
        time.sleep(0.05)


def test_a_failed_run_is_started_again_from_its_checkpoint(tmp_path: Path) -> None:
    script = prepared(tmp_path, "kill 1", "0")
    run = start(tmp_path, str(script), str(tmp_path), "--overwrite", "--max-restarts", "2", "--epochs", "3")
    out, err = run.communicate(timeout=900)
    assert run.returncode == 0, err
    assert "process 1 was ended by SIGKILL; the system does this when memory is short" in err
    assert "attempt 2 of 3" in out and "Traceback" not in err
    for rank in range(2):
        attempts = (tmp_path / f"attempts_{rank}").read_text(encoding="utf-8").splitlines()
        assert attempts == ["--overwrite --epochs 3", "--epochs 3 --resume auto"]


@pytest.mark.parametrize(("plan", "status"), [("2", USAGE), ("75", STOPPED), ("1", FAILED)])
def test_the_status_is_that_of_the_processes(tmp_path: Path, plan: str, status: int) -> None:
    run = start(tmp_path, str(prepared(tmp_path, plan)), str(tmp_path), processes=1)
    _, err = run.communicate(timeout=900)
    assert run.returncode == status and "Traceback" not in err, err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, STOPPED), (signal.SIGINT, INTERRUPTED)])
def test_a_signal_reaches_the_processes(tmp_path: Path, number: signal.Signals, status: int) -> None:
    script = prepared(tmp_path, "wait")
    run = start(tmp_path, "--max-restarts", "3", str(script), str(tmp_path))
    wait_for(tmp_path / "waits_0", tmp_path / "waits_1")
    run.send_signal(number)
    _, err = run.communicate(timeout=900)
    assert run.returncode == status and "Traceback" not in err, err
    assert (tmp_path / "saved_0").exists() == (number == signal.SIGTERM)
    assert len((tmp_path / "attempts_0").read_text(encoding="utf-8").splitlines()) == 1


def test_a_port_in_use(capfd: pytest.CaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        one = parse_args(["--processes", "1", "--port", str(port), "train.py"])
        other = launch._port(one)
        assert (
            other not in (None, port)
            and f"port {port} is in use on this node; taking {other}" in capfd.readouterr().err
        )
        several = parse_args(["--processes", "1", "--nodes", "2", "--port", str(port), "train.py"])
        assert launch._port(several) is None
        assert f"error: port {port} is in use on this node; choose another one on all nodes" in capfd.readouterr().err
        later = parse_args(["--processes", "1", "--nodes", "2", "--node-rank", "1", "--port", str(port), "train.py"])
        assert launch._port(later) == port


def test_other_arguments(capsys: pytest.CaptureFixture) -> None:
    assert launch._resuming(["tools/test.py", "CKPT"], 1) == ["tools/test.py", "CKPT"]
    assert launch._resuming(["tools/train.py", "--resume", "CKPT"], 1) == ["tools/train.py", "--resume", "CKPT"]
    for wrong in (["--processes", "1"], ["--processes", "1", "train.py", "--max-restarts", "x"]):
        with pytest.raises(SystemExit):
            parse_args(wrong)
    assert "expected a number of restarts, got x" in capsys.readouterr().err
