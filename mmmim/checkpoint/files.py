"""Write checkpoint files that a crash, a full disk or a kill cannot damage, and find the newest good one."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from mmengine.dist import broadcast_object_list
from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log

from mmmim.checkpoint.reader import find_damage, is_checkpoint, read_outline
from mmmim.errors import UsageError

ATOMIC_BACKEND = "mmmim_atomic"
POINTER_FILE = "last_checkpoint"  # names the checkpoint that was written last
VALIDATION_FILE = "last_validation"  # holds the iteration after which the last validation was completed


@contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces ``path`` when the block succeeds; otherwise ``path`` stays as it was."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        put_in_place(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:  # a full disk does not say for which file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a complete file or folder; until then, and if the process is killed, what was at ``path`` stays there.

    A folder cannot be replaced at once: it is called ``<stem>.old<suffix>`` for a moment, under which name a
    resumed run finds it as well.
    """
    if not (path.is_dir() or (temporary.is_dir() and path.exists())):
        os.replace(temporary, path)
        _sync_folder(path.parent)
        return
    old = _moved_aside(path)
    remove_checkpoint(old)
    path.rename(old)
    temporary.rename(path)
    _sync_folder(path.parent)
    remove_checkpoint(old)


def remove_checkpoint(path: str | Path) -> None:
    """Delete a checkpoint, a file or the folder of a sharded run; it may be absent."""
    path = Path(path)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _moved_aside(path: Path) -> Path:
    return path.with_name(f"{path.stem}.old{path.suffix}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@register_backend(ATOMIC_BACKEND)
class AtomicLocalBackend(LocalBackend):
    """MMEngine's backend for local files, with atomic writes: ``backend_args=dict(backend='mmmim_atomic')``."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        with atomic_write(filepath) as file:
            file.write(obj)


def remove_leftovers(folder: str | Path) -> None:
    """Delete the temporary files and folders of writers that were killed."""
    for temporary in Path(folder).glob(".*.pth.*.tmp"):
        remove_checkpoint(temporary)
    for old in Path(folder).glob("*.old.pth"):
        if is_checkpoint(old.with_name(old.name.replace(".old.pth", ".pth"))):
            remove_checkpoint(old)  # its writer was killed after the new one was in place


def read_stored_run(path: str | Path) -> dict[str, Any]:
    """Return the checkpoint of a run with its tensors left on disk; those of a folder have shapes only.

    Raises:
        UsageError: The file cannot be read, is not the checkpoint of a run, or lacks what a run needs to continue.
    """
    try:
        content = read_outline(path)
    except UsageError as error:
        raise UsageError(f"--resume: {error}") from None
    content = content if isinstance(content, dict) else {}
    lacking = [key for key in ("meta", "state_dict", "message_hub", "optimizer") if key not in content]
    if lacking:
        raise UsageError(
            f"--resume: {path} has no {' and no '.join(lacking)}, so that no run can go on from it. To start a new run "
            f"from its weights: --cfg-options load_from={path}"
        )
    return content


def newest_good_checkpoint(work_dir: str | Path, folder: str | Path | None = None) -> Path | None:
    """Return the newest undamaged checkpoint of a run, or None if there is no file; damaged ones are logged.

    Args:
        folder: The folder of the checkpoints, if it is not ``work_dir``.

    Raises:
        UsageError: There are checkpoints, but all of them are damaged.
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
    """Return the checkpoints of a run: first the one to continue from, then the others from newest to oldest.

    ``last_checkpoint`` names the first one, unless a file written later has reached a higher iteration. A file of that
    name in the run's own folder is preferred to the path that it names, which belongs to another run if the folder was
    copied. ``best_*.pth`` files are left out, because MMEngine stores them without the optimizer.
    """
    pointer = Path(work_dir, POINTER_FILE)
    stored = [path for path in Path(folder).glob("*.pth") if not path.name.startswith("best_")]
    stored.sort(key=_modified, reverse=True)
    named = Path(pointer.read_text(encoding="utf-8").strip()) if pointer.is_file() else None
    if named is None:
        return stored
    places = [Path(folder, named.name), Path(work_dir, named)]
    first = next((path for path in places if path.name and is_checkpoint(path)), None)
    if first is None:
        return stored
    written = _modified(pointer)
    since = [path for path in stored if path != first and _modified(path) > written]
    further = [path for path in since if _iteration(path) > _iteration(first)]
    return list(dict.fromkeys([*further, first, *stored]))


def point_to(checkpoint: str | Path, work_dir: str | Path) -> None:
    """Record the newest checkpoint of a run: by name alone if it is in the work directory, so that both can move."""
    path = str(checkpoint)
    inside = "://" not in path and Path(path).resolve().parent == Path(work_dir).resolve()
    with atomic_write(Path(work_dir, POINTER_FILE)) as file:
        file.write(os.fsencode(Path(path).name if inside else path))


def note_validation(work_dir: str | Path, iteration: int) -> None:
    """Record that the validation after ``iteration`` was completed."""
    with atomic_write(Path(work_dir, VALIDATION_FILE)) as file:
        file.write(str(iteration).encode())


def is_validated(work_dir: str | Path, iteration: int) -> bool:
    """Return whether the validation after ``iteration`` was completed; the first process tells the others."""
    path = Path(work_dir, VALIDATION_FILE)
    answer = [path.is_file() and path.read_text(encoding="utf-8").strip() == str(iteration)]
    broadcast_object_list(answer)
    return answer[0]


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns


def _iteration(path: Path) -> int:
    """Return the iteration of the run when it wrote ``path``, or -1 if the file cannot be read."""
    try:
        return int(read_stored_run(path)["meta"]["iter"])
    except (UsageError, KeyError, TypeError, ValueError):
        return -1


def to_plain(value: Any) -> Any:
    """Return ``value`` in types that ``torch.load(weights_only=True)`` accepts; tensors stay as they are."""
    if isinstance(value, dict):
        return {to_plain(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_plain, value)) if type(value) in (list, tuple) else list(map(to_plain, value))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value) if isinstance(value, Path) else value


def make_plain(checkpoint: dict[str, Any]) -> None:
    """Change the checkpoint of a Runner to plain types and relative names, without histories.

    Histories only smooth the log lines, and after a million steps they would be larger than the model.
    """
    checkpoint["meta"] = to_plain(checkpoint["meta"])
    hub = checkpoint["message_hub"]
    info = to_plain(dict(hub["runtime_info"]))
    resumed = {key: value for key, value in hub["resumed_keys"].items() if key in info}
    for key in info:
        if key == "last_ckpt" or key.startswith("best_ckpt"):
            info[key] = info[key] and Path(info[key]).name
    checkpoint["message_hub"] = dict(log_scalars={}, runtime_info=info, resumed_keys=resumed)
