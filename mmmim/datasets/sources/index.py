"""List the contents of the files of a source once, and store the list."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from mmmim.checkpoint.files import atomic_write
from mmmim.datasets.file_listing import PathList, cache_folder

VERSION = 1  # of the stored form
COLUMN = "column."


@dataclass
class Index:
    """The images inside some files, sorted by name.

    Attributes:
        files: Names of the files.
        names: Sorted names of the images.
        columns: For each image, where it lies.
        classes: Names of the classes in the order of the labels, if the files state an order.
        left_out: Numbers of other entries by kind.
    """

    files: Sequence[str]
    names: PathList
    columns: Mapping[str, np.ndarray]
    classes: Sequence[str] | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


def sorted_index(
    files: Sequence[str],
    names: Sequence[str],
    columns: Mapping[str, Sequence[int]],
    classes: Sequence[str] | None = None,
    left_out: Mapping[str, int] | None = None,
) -> Index:
    """Return an index of the given images, sorted by name."""
    order = sorted(range(len(names)), key=names.__getitem__)
    sorted_columns = {key: _compact(np.asarray(values, np.int64))[order] for key, values in columns.items()}
    return Index(files, PathList.of(names[i] for i in order), sorted_columns, classes, left_out or {})


def _compact(values: np.ndarray) -> np.ndarray:
    return values.astype(np.min_scalar_type(int(values.max()))) if len(values) else values


def store_index(file: IO[bytes], index: Index, stamp: Sequence) -> None:
    """Write an index; ``stamp`` says of which files it is."""
    facts = dict(
        version=VERSION, stamp=stamp, files=[*index.files], classes=index.classes, left_out=dict(index.left_out)
    )
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    columns = {COLUMN + key: values for key, values in index.columns.items()}
    np.savez(file, facts=text, names=index.names.text, ends=index.names.ends, **columns)  # type: ignore[arg-type]


def load_index(path: str | os.PathLike[str], stamp: Sequence) -> Index:
    """Return a stored index.

    Raises:
        ValueError: It is damaged, of another version or of other files.
        OSError: It cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            facts = json.loads(stored["facts"].tobytes())
            if facts["version"] != VERSION or facts["stamp"] != json.loads(json.dumps(stamp)):
                raise ValueError("it is of other files")
            columns = {key.removeprefix(COLUMN): stored[key] for key in stored.files if key.startswith(COLUMN)}
            names = PathList(stored["names"], stored["ends"])
    except (KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"it is damaged ({type(error).__name__}: {error})") from None
    return Index(facts["files"], names, columns, facts["classes"], facts["left_out"])


def stamp_of(folder: str, files: Sequence[str]) -> list[list]:
    """Return names, sizes and times of change of files below ``folder``."""
    facts = [os.stat(os.path.join(folder, name)) for name in files]
    return [[name, fact.st_size, fact.st_mtime_ns] for name, fact in zip(files, facts, strict=True)]


def indexed_once(location: str, folder: str, files: Sequence[str], build: Callable[[], Index]) -> Index:
    """Return the index that was stored for these files, or build and store it.

    It lies beside ``location`` in a hidden file, or in the cache folder of the user where that cannot be written. The
    processes of a machine wait for the first of them.
    """
    stamp = stamp_of(folder, files)
    places = _places(location)
    if (found := _stored(places, stamp)) is not None:
        return found
    with _lock(location):
        if (found := _stored(places, stamp)) is not None:
            return found
        index = build()
        for place in places:
            with contextlib.suppress(OSError), atomic_write(place) as file:
                store_index(file, index, stamp)
                break
    return index


def _stored(places: Sequence[Path], stamp: Sequence) -> Index | None:
    for place in places:
        with contextlib.suppress(OSError, ValueError):
            return load_index(place, stamp)
    return None


def _places(location: str) -> list[Path]:
    path = Path(location)
    beside = path / ".mmmim-index.npz" if path.is_dir() else path.with_name(f".{path.name}.mmmim-index.npz")
    return [beside, cache_folder() / f"index-{_key(location)}.npz"]


@contextlib.contextmanager
def _lock(location: str) -> Iterator[None]:
    path = Path(tempfile.gettempdir(), f"mmmim-{os.getuid()}-{_key(location)}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        with contextlib.suppress(OSError):  # a storage without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _key(location: str) -> str:
    return hashlib.sha256(os.fsencode(os.path.realpath(location))).hexdigest()[:32]
