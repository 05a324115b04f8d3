"""Checkpoint files that a crash, a full disk or a kill cannot damage, and finding the newest good one."""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log

from mmmim.engine.errors import UsageError

ATOMIC_BACKEND = "mmmim_atomic"
POINTER = "last_checkpoint"


@contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file that replaces ``path`` when the block ends well, and otherwise leaves it as it was."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@register_backend(ATOMIC_BACKEND)
class AtomicLocalBackend(LocalBackend):
    """MMEngine's local files, written atomically. ``backend_args=dict(backend='mmmim_atomic')``."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        with atomic_write(filepath) as file:
            file.write(obj)


def remove_leftovers(folder: str | Path) -> None:
    """Delete the temporary files of writers that were killed."""
    for temporary in Path(folder).glob(".*.pth.*.tmp"):
        temporary.unlink(missing_ok=True)


def find_damage(path: str | Path) -> str | None:
    """What is wrong with a checkpoint file, ``None`` if nothing: every stored block matches its checksum."""
    path = Path(path)
    if not path.is_file():
        return "no such file"
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return f"{path.stat().st_size} bytes, not a complete file ({error})"
    return None if broken is None else f"checksum of {broken} is wrong"


def newest_good_checkpoint(work_dir: str | Path, folder: str | Path | None = None) -> Path | None:
    """The newest undamaged checkpoint of a run, ``None`` where there is no file at all; damaged ones are named.

    Args:
        folder: Where the checkpoints are, if not in ``work_dir``.

    Raises:
        UsageError: there are checkpoints, and each of them is damaged.
    """
    candidates = stored_checkpoints(work_dir, folder or work_dir)
    for path in candidates:
        damage = find_damage(path)
        if damage is None:
            return path
        print_log(
            f"cannot resume from {path}: {damage}; trying the next older checkpoint",
            logger="current",
            level=logging.WARNING,
        )
    if candidates:
        raise UsageError(
            f"resume: none of the {len(candidates)} checkpoints in {folder or work_dir} is readable, see above. To "
            "start anew, move them away or choose another work_dir"
        )
    return None


def stored_checkpoints(work_dir: str | Path, folder: str | Path) -> list[Path]:
    """The file that ``last_checkpoint`` names, then the others from the newest to the oldest.

    ``best_*.pth`` are left out: MMEngine stores them without the optimizer.
    """
    pointer = Path(work_dir, POINTER)
    named = [Path(pointer.read_text(encoding="utf-8").strip())] if pointer.is_file() else []
    named += [Path(folder, path.name) for path in named]  # the run's folder may have been moved
    stored = [path for path in Path(folder).glob("*.pth") if not path.name.startswith("best_")]
    stored.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return list(dict.fromkeys([path for path in named if path.is_file()] + stored))


def to_plain(value: Any) -> Any:
    """Containers, numbers and strings as ``torch.load(weights_only=True)`` accepts them; tensors stay."""
    if isinstance(value, dict):
        return {to_plain(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_plain, value)) if type(value) in (list, tuple) else list(map(to_plain, value))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value) if isinstance(value, Path) else value
