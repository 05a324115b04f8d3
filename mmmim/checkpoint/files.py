"""Checkpoint files that a crash, a full disk or a kill cannot damage, and finding the newest good one."""

from __future__ import annotations

import logging
import os
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from mmengine.dist import broadcast_object_list
from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log

from mmmim.errors import UsageError

ATOMIC_BACKEND = "mmmim_atomic"
POINTER = "last_checkpoint"  # names the file that was written last
VALIDATED = "last_validation"  # holds the iteration after which the last validation ended


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
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:  # a full disk does not say for which file
            raise OSError(error.errno, error.strerror, str(path)) from error
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


def read_stored_run(path: str | Path) -> dict[str, Any] | None:
    """The checkpoint of a run, its tensors left on the disk; None for one that only unpickling code could read.

    Raises:
        UsageError: it is no checkpoint of a run, or one without what a run needs to go on.
    """
    try:
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError:
        return None
    except Exception as error:  # whatever the bytes of another file lead to
        raise UsageError(f"--resume: {path} is no checkpoint: {type(error).__name__}: {error}") from error
    content = content if isinstance(content, dict) else {}
    lacking = [key for key in ("meta", "state_dict", "message_hub", "optimizer") if key not in content]
    if lacking:
        raise UsageError(
            f"--resume: {path} has no {' and no '.join(lacking)}, so that no run can go on from it. To start a new run "
            f"from its weights: --cfg-options load_from={path}"
        )
    return content


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
    """The checkpoints of a run, the one to go on with first, then the others from the newest to the oldest.

    ``last_checkpoint`` names the first one, as long as no file after it goes further. A file of that name in the run's
    own folder comes before the one in the place that it names, which is another run's after the folder was copied.
    ``best_*.pth`` are left out: MMEngine stores them without the optimizer.
    """
    pointer = Path(work_dir, POINTER)
    stored = [path for path in Path(folder).glob("*.pth") if not path.name.startswith("best_")]
    stored.sort(key=_modified, reverse=True)
    named = Path(pointer.read_text(encoding="utf-8").strip()) if pointer.is_file() else None
    if named is None:
        return stored
    places = [Path(folder, named.name), Path(work_dir, named)]
    first = next((path for path in places if path.name and path.is_file()), None)
    if first is None:
        return stored
    written = _modified(pointer)
    since = [path for path in stored if path != first and _modified(path) > written]
    further = [path for path in since if _iteration(path) > _iteration(first)]
    return list(dict.fromkeys([*further, first, *stored]))


def point_to(checkpoint: str | Path, work_dir: str | Path) -> None:
    """Name the newest checkpoint of a run; one in the work directory by its name alone, so that both can be moved."""
    path = str(checkpoint)
    inside = "://" not in path and Path(path).resolve().parent == Path(work_dir).resolve()
    with atomic_write(Path(work_dir, POINTER)) as file:
        file.write(os.fsencode(Path(path).name if inside else path))


def note_validation(work_dir: str | Path, iteration: int) -> None:
    with atomic_write(Path(work_dir, VALIDATED)) as file:
        file.write(str(iteration).encode())


def is_validated(work_dir: str | Path, iteration: int) -> bool:
    """Whether the validation after ``iteration`` came to its end; all processes hear what the first one finds."""
    path = Path(work_dir, VALIDATED)
    answer = [path.is_file() and path.read_text(encoding="utf-8").strip() == str(iteration)]
    broadcast_object_list(answer)
    return answer[0]


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns


def _iteration(path: Path) -> int:
    """Of the run when it wrote ``path``; -1 where that cannot be read."""
    try:
        return int((read_stored_run(path) or {})["meta"]["iter"])
    except (UsageError, KeyError):
        return -1


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
