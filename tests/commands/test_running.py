"""How commands end: one line for what the user can mend, a traceback for a fault of the code."""

from __future__ import annotations

import errno
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist
from torch.utils.data import DataLoader

from mmmim.checkpoint.files import atomic_write
from mmmim.commands.running import run_tool
from mmmim.errors import MissingFileError, RunFailed, UsageError, WeightsError

ROOT = Path(__file__).parents[2]
DOORS = [path for path in (*ROOT.glob("tools/*.py"), *ROOT.glob("tools/analysis/*.py"))]


def raises(error: Exception) -> Callable[[], None]:
    def tool() -> None:
        raise error

    return tool


class Broken:
    """Data whose samples a worker process cannot read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UsageError("depth=0 must be at least 1"), 2, "error: depth=0 must be at least 1\n"),
        (MissingFileError("root: no such folder"), 2, "error: root: no such folder\n"),
        (WeightsError("a.pth: damaged"), 2, "error: a.pth: damaged\n"),
        (RunFailed("non-finite loss at iteration 7"), 1, "error: non-finite loss at iteration 7\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/a"), 2, "error: /data/a: Permission denied\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "error: [Errno 28] No space left on device\n"),
    ],
)
def test_what_the_user_can_mend_is_one_line(error: Exception, status: int, line: str, capsys, monkeypatch) -> None:
    assert run_tool(raises(error)) == status
    assert capsys.readouterr().err == line
    monkeypatch.setenv("MMMIM_TRACEBACK", "1")
    with pytest.raises(type(error)):
        run_tool(raises(error))


@pytest.mark.parametrize("statement", ["int('x')", "[].index(0)", "{}['a']", "raise OSError('no number')"])
def test_a_fault_of_the_code_keeps_its_traceback(statement: str) -> None:
    def tool() -> None:
        exec(statement, {"__name__": "mmmim.models.backbones.vit"})

    with pytest.raises((ValueError, KeyError, OSError)):
        run_tool(tool)


def test_status_is_what_the_command_returns() -> None:
    assert [run_tool(lambda value: value, value) for value in (None, 0, 3, True, dict(top1=1.0))] == [0, 0, 3, 1, 0]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UsageError("root: none of the images is readable"), "root: none of the images is readable"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/data/a.jpg"), "[Errno 2] No such file: '/data/a.jpg'"),
    ],
)
def test_error_of_a_data_worker_is_one_line(error: Exception, line: str, capsys) -> None:
    assert run_tool(lambda: list(DataLoader(Broken(error), num_workers=1))) == 2  # type: ignore[arg-type]
    assert capsys.readouterr().err == f"error: {line}\n"


def test_full_disk_names_the_file(tmp_path: Path, capsys) -> None:
    def tool() -> None:
        with atomic_write(tmp_path / "epoch_3.pth"):
            raise OSError(errno.ENOSPC, "No space left on device")

    assert run_tool(tool) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/epoch_3.pth: No space left on device\n"


def test_port_in_use_is_one_line(capsys, monkeypatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for name, value in dict(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, RANK="0", WORLD_SIZE="1").items():
            monkeypatch.setenv(name, value)
        assert run_tool(dist.init_process_group, "gloo") == 2
    said = capsys.readouterr().err
    assert f"port {port}" in said and "choose a free port" in said and "Traceback" not in said


def test_a_process_that_alone_meets_an_error_says_so(capsys, monkeypatch) -> None:
    monkeypatch.setenv("RANK", "3")
    assert run_tool(raises(UsageError("lr=-1"))) == 2
    assert capsys.readouterr().err == ""  # the first process says it
    assert run_tool(raises(OSError(errno.ENOSPC, "No space left on device", "/local/a"))) == 2
    assert capsys.readouterr().err == "error on process 3: /local/a: No space left on device\n"


def test_what_libraries_hold_is_freed_at_the_end() -> None:
    """Extensions such as triton's otherwise report thousands of leaks in the last lines of every command."""
    script = """
import atexit, gc
atexit.register(lambda: print("frozen at the end:", gc.get_freeze_count()))
from mmmim.commands.running import libraries_loading
with libraries_loading():
    import decimal
print("frozen:", gc.get_freeze_count() > 0)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["frozen: True", "frozen at the end: 0"]


# These start other programs, and end with their statuses.
STARTERS = {"doctor.py", "launch.py", "newest.py"}


@pytest.mark.parametrize("door", [path for path in DOORS if path.name not in STARTERS], ids=lambda path: path.stem)
def test_commands_share_this_handling(door: Path) -> None:
    command = ROOT / "mmmim/commands" / door.name
    text = (command if command.is_file() else door).read_text(encoding="utf-8")
    assert "run_tool(" in text
    assert not re.search(r"except .*(ValueError|OSError|UsageError)", text)
