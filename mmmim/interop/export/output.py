"""The place where an export goes: nothing appears there before its features were compared."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmmim.errors import UsageError


def check_output(out: Path, is_folder: bool) -> None:
    """Raise ``UsageError`` if ``out`` cannot become the new file or folder without overwriting what is there."""
    if is_folder and out.is_file():
        raise UsageError(f"--out {out}: is a file; give the name of a new folder")
    if is_folder and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"--out {out}: the folder is not empty; give the name of a new folder, or empty this one")
    if not is_folder and out.is_dir():
        raise UsageError(f"--out {out}: is a folder; give the name of a file in it")


@contextmanager
def staged(out: Path, is_folder: bool) -> Iterator[Path]:
    """Give a place beside ``out`` to write to, and move what is there to ``out`` when the block succeeds.

    Raises:
        UsageError: ``out`` is taken, or nothing can be written there.
    """
    check_output(out, is_folder)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        desk = Path(tempfile.mkdtemp(prefix=".export-", dir=out.parent))
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror})") from None
    try:
        place = desk / out.name
        if is_folder:
            place.mkdir()
        yield place
        if is_folder and out.is_dir():
            out.rmdir()  # it is empty
        _open_to_others(desk)
        for written in desk.iterdir():  # one; two where an ONNX file keeps its weights in another beside it
            os.replace(written, out.parent / written.name)
    except OSError as error:
        if error.errno is None:
            raise
        raise UsageError(f"--out {out}: cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(desk, ignore_errors=True)


def _open_to_others(desk: Path) -> None:
    """Give files the permissions that new files of this user have; safetensors makes them private."""
    mask = os.umask(0)
    os.umask(mask)
    for path in desk.rglob("*"):
        if path.is_file():
            path.chmod(0o666 & ~mask)
