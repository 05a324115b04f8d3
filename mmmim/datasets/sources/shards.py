"""Find the files of a data set that comes as WebDataset tars, as Arrow or as Parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from mmmim.errors import UsageError

KINDS = (".arrow", ".parquet", ".tar")
COMPRESSED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
NO_IMAGES = ("cache-", "indices")  # beginnings of Arrow files that Hugging Face datasets write beside the data
NEAR = ("", "data")  # folders of a data set in which shards lie; on the hub it is ``data``
Shards = tuple[str, list[str]]


def near_shards(location: str) -> Shards | None:
    """Return the kind, such as ``.tar``, and the sorted names of the shards in a folder or in its folder ``data``.

    Raises:
        UsageError: There are shards of several kinds, or compressed tars.
    """
    return next(filter(None, (_sorted_out(location, _files_in(location, folder)) for folder in NEAR)), None)


def find_shards(location: str) -> Shards | None:
    """Return what :func:`near_shards` returns, or else the shards at any depth below a folder."""
    return near_shards(location) or _sorted_out(location, _files_below(location))


def refuse_compressed(path: str) -> None:
    """Raise a UsageError, because a compressed tar can be read from its beginning only."""
    raise UsageError(
        f"root: {path!r} is compressed as a whole, so that no image in it can be read alone; decompress it, for "
        "instance with gunzip, and give the .tar"
    )


def _sorted_out(location: str, files: Iterable[str]) -> Shards | None:
    found: dict[str, list[str]] = {}
    for name in files:
        if name.endswith(COMPRESSED_TARS):
            refuse_compressed(os.path.join(location, name))
        kind = os.path.splitext(name)[1]
        if kind in KINDS and not os.path.basename(name).startswith(NO_IMAGES):
            found.setdefault(kind, []).append(name)
    if len(found) > 1:
        several = " and ".join(f"{len(names):,} {kind}" for kind, names in found.items())
        raise UsageError(f"root: {location!r} holds {several} files; put those that belong together in a folder")
    return next(((kind, sorted(names)) for kind, names in found.items()), None)


def _files_in(location: str, folder: str) -> list[str]:
    _, _, files = next(os.walk(os.path.join(location, folder)), ("", [], []))
    return [os.path.join(folder, name) for name in filter(_is_shown, files)]


def _files_below(location: str) -> Iterator[str]:
    for folder, folders, files in os.walk(location, followlinks=True):
        folders[:] = filter(_is_shown, folders)
        yield from (os.path.relpath(os.path.join(folder, name), location) for name in filter(_is_shown, files))


def _is_shown(name: str) -> bool:
    return not name.startswith(".")
