"""List all image files below a folder, compactly stored and cached between runs."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

MIN_CACHED_FILES = 20_000  # smaller folders are listed faster than a cache is checked
MAX_EXTENSIONS = 20  # number of extensions that a message names
CLOCK_SLACK_NS = 2_000_000_000  # a folder that changed this shortly before the listing may still be changing


class PathList(Sequence[str]):
    """An immutable list of paths in two numpy arrays, so that worker processes share its memory."""

    def __init__(self, text: np.ndarray, ends: np.ndarray) -> None:
        self.text, self.ends = text, ends  # uint8 (total,), int64 (n,)

    @classmethod
    def of(cls, paths: Iterable[str]) -> PathList:
        """Return the list of the given paths."""
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
        """Return the list of the paths at the indices ``ids``."""
        return PathList.of(self[int(i)] for i in ids)


class Listing(NamedTuple):
    """The paths of the images below a folder, and the numbers of other files by extension, most frequent first.

    Pipes, sockets, devices, broken links and folders that may not be read are each named.
    """

    paths: PathList
    left_out: Mapping[str, int]

    def describe_left_out(self) -> str:
        """Return the numbers of files that are left out, such as ``40 .avif, 3 .txt``."""
        return describe_left_out(self.left_out)


def describe_left_out(left_out: Mapping[str, int]) -> str:
    """Return numbers of files by kind as a text, such as ``40 .avif, 3 .txt``."""
    named = [f"{number:,} {kind}" for kind, number in [*left_out.items()][:MAX_EXTENSIONS]]
    return ", ".join(named) + (", ..." if len(left_out) > MAX_EXTENSIONS else "")


def list_images(root: str | os.PathLike[str], extensions: Sequence[str]) -> Listing:
    """Return the sorted paths, relative to ``root``, of all files below it with one of ``extensions`` (any case).

    Hidden files and folders are left out, and so is what is no file or may not be read; links are followed once. The
    result for a large folder is cached in
    :func:`cache_folder` and used as long as no folder below ``root`` has changed.
    """
    cache = _cache_file(root, extensions)
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
        stored = np.load(cache, allow_pickle=False)
        dirs = PathList(stored["dirs"], stored["dir_ends"])
        if all(os.stat(os.path.join(root, d)).st_mtime_ns == t for d, t in zip(dirs, stored["mtimes"], strict=True)):
            left_out = dict(zip(stored["other_names"].tolist(), stored["other_counts"].tolist(), strict=True))
            return Listing(PathList(stored["files"], stored["file_ends"]), left_out)
    begin = time.time_ns()
    names, mtimes, others = _scan(os.fspath(root), tuple(e.lower() for e in extensions))
    listing = Listing(PathList.of(sorted(names)), dict(others.most_common()))
    if len(listing.paths) >= MIN_CACHED_FILES and max(mtimes.values()) < begin - CLOCK_SLACK_NS:
        with contextlib.suppress(OSError):
            _store(cache, listing, mtimes)
    return listing


def _scan(root: str, extensions: tuple[str, ...]) -> tuple[list[str], dict[str, int], Counter[str]]:
    files: list[str] = []
    others: Counter[str] = Counter()
    mtimes: dict[str, int] = {}
    seen: set[tuple[int, int]] = set()
    pending = [""]
    while pending:
        folder = pending.pop()
        facts = os.stat(os.path.join(root, folder))
        if (facts.st_dev, facts.st_ino) in seen:
            continue
        seen.add((facts.st_dev, facts.st_ino))
        mtimes[folder] = facts.st_mtime_ns
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except PermissionError:
            if not folder:
                raise
            others[f"folder without permission to read ({folder})"] += 1
            continue
        for entry in found:
            if entry.name.startswith("."):
                continue
            path = os.path.join(folder, entry.name)
            kind = _kind(entry)
            if kind == "folder":
                pending.append(path)
            elif kind != "file":
                others[f"{kind} ({path})"] += 1
            elif entry.name.lower().endswith(extensions):
                files.append(path)
            else:
                others[os.path.splitext(entry.name)[1].lower() or "(none)"] += 1
    return files, mtimes, others


def _kind(entry: os.DirEntry[str]) -> str:
    """Return ``folder``, ``file``, or what else an entry, or the target of a link, is and no image can be."""
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        mode = entry.stat().st_mode
    except FileNotFoundError:
        return "link to nothing"
    except OSError as error:
        return "link loop" if error.errno == errno.ELOOP else error.strerror or "unreadable"
    return "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"


def cache_folder() -> Path:
    """Return the folder of what is kept between runs: ``$MMMIM_CACHE``, or ``~/.cache/mmmim`` ($XDG_CACHE_HOME)."""
    if named := os.environ.get("MMMIM_CACHE"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "mmmim")


def _cache_file(root: str | os.PathLike[str], extensions: Sequence[str]) -> Path:
    key = "\n".join([os.path.realpath(root), *sorted(extensions)])
    return cache_folder() / (hashlib.sha256(os.fsencode(key)).hexdigest()[:32] + ".npz")


def _store(cache: Path, listing: Listing, mtimes: dict[str, int]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    dirs = PathList.of(mtimes)
    temporary = cache.with_suffix(f".{os.getpid()}.npz")
    np.savez(
        temporary,
        files=listing.paths.text, file_ends=listing.paths.ends,
        dirs=dirs.text, dir_ends=dirs.ends, mtimes=list(mtimes.values()),
        other_names=np.array([*listing.left_out], np.str_), other_counts=np.array([*listing.left_out.values()], int),
    )  # fmt: skip
    os.replace(temporary, cache)
