"""Names of all image files below a folder, compactly stored and cached between runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

CACHE_FROM = 20_000  # files; smaller folders are listed faster than a cache is checked
CLOCK_SLACK_NS = 2_000_000_000  # a folder changed this shortly before the listing may still be changing


class PathList(Sequence[str]):
    """Immutable list of paths in two numpy arrays, so that worker processes share its memory."""

    def __init__(self, text: np.ndarray, ends: np.ndarray) -> None:
        self.text, self.ends = text, ends  # uint8 (total,), int64 (n,)

    @classmethod
    def of(cls, paths: Iterable[str]) -> PathList:
        encoded = [os.fsencode(p) for p in paths]
        ends = np.cumsum([len(p) for p in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index):  # type: ignore[override]
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        begin = self.ends[index - 1] if index else 0
        return os.fsdecode(self.text[begin : self.ends[index]].tobytes())

    def take(self, ids: np.ndarray) -> PathList:
        return PathList.of(self[int(i)] for i in ids)


def list_images(root: str | os.PathLike[str], extensions: Sequence[str]) -> PathList:
    """Sorted paths relative to ``root`` of every file below it with one of ``extensions`` (any case).

    Hidden files and folders are left out, links are followed once. The result for a large folder is kept in
    ``$XDG_CACHE_HOME/mmmim`` (default ``~/.cache``) and valid as long as no folder below ``root`` has changed.
    """
    cache = _cache_file(root, extensions)
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
        stored = np.load(cache, allow_pickle=False)
        dirs = PathList(stored["dirs"], stored["dir_ends"])
        if all(os.stat(os.path.join(root, d)).st_mtime_ns == t for d, t in zip(dirs, stored["mtimes"], strict=True)):
            return PathList(stored["files"], stored["file_ends"])
    begin = time.time_ns()
    names, mtimes = _scan(os.fspath(root), tuple(e.lower() for e in extensions))
    paths = PathList.of(sorted(names))
    if len(paths) >= CACHE_FROM and max(mtimes.values()) < begin - CLOCK_SLACK_NS:
        with contextlib.suppress(OSError):
            _store(cache, paths, mtimes)
    return paths


def _scan(root: str, extensions: tuple[str, ...]) -> tuple[list[str], dict[str, int]]:
    files: list[str] = []
    mtimes: dict[str, int] = {}
    seen: set[tuple[int, int]] = set()
    pending = [""]
    while pending:
        folder = pending.pop()
        stat = os.stat(os.path.join(root, folder))
        if (stat.st_dev, stat.st_ino) in seen:
            continue
        seen.add((stat.st_dev, stat.st_ino))
        mtimes[folder] = stat.st_mtime_ns
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = os.path.join(folder, entry.name)
                if entry.is_dir():
                    pending.append(path)
                elif entry.name.lower().endswith(extensions):
                    files.append(path)
    return files, mtimes


def _cache_file(root: str | os.PathLike[str], extensions: Sequence[str]) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    key = "\n".join([os.path.realpath(root), *sorted(extensions)])
    return Path(home, "mmmim", hashlib.sha256(os.fsencode(key)).hexdigest()[:32] + ".npz")


def _store(cache: Path, paths: PathList, mtimes: dict[str, int]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    dirs = PathList.of(mtimes)
    temporary = cache.with_suffix(f".{os.getpid()}.npz")
    np.savez(
        temporary,
        files=paths.text, file_ends=paths.ends, dirs=dirs.text, dir_ends=dirs.ends, mtimes=list(mtimes.values()),
    )  # fmt: skip
    os.replace(temporary, cache)
