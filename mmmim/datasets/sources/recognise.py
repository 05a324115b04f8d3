"""Recognise what a location is, and open it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmmim.datasets.decode import image_extensions
from mmmim.datasets.file_listing import PathList, describe_left_out, list_images
from mmmim.errors import MissingFileError, UsageError

from .arrow import open_arrow
from .base import ImageSource
from .folder import FolderSource
from .naming import TRAIN_FOLDERS, VAL_FOLDERS
from .pack import is_pack, open_pack
from .parquet import open_parquet
from .shards import COMPRESSED_TARS, KINDS, Shards, find_shards, near_shards, refuse_compressed
from .tars import open_tars
from .zips import open_zip

ZIP = ".zip"
SPLITS = (*TRAIN_FOLDERS, *VAL_FOLDERS)


def open_source(location: str, channels: int = 3, extensions: Sequence[str] | None = None) -> ImageSource:
    """Return the images at ``location``.

    That is a folder of images, a pack, a ZIP file, WebDataset tars, or Arrow and Parquet files as Hugging Face
    ``datasets`` store them; of shards, a single one or the folder. A folder below it may follow: ``PACK/train``.

    Args:
        channels: Says which extensions images have if ``extensions`` does not.
        extensions: Extensions of the images. A pack and tables hold images only, so all are taken by default.

    Raises:
        MissingFileError: There is no such location, or no image.
        UsageError: A pack or a shard is damaged or cannot be read; the message says what to do.
    """
    given = None if extensions is None else check_extensions(extensions)
    wanted = given or image_extensions(channels)
    location = os.fspath(location)
    source = _open(location, wanted)
    if source is None:
        raise MissingFileError(
            f"root: {location!r} {'is a file, not a folder' if os.path.exists(location) else 'does not exist'} "
            f"(looked from {os.getcwd()!r}); give an existing folder, pack, .zip, .tar, .arrow or .parquet with --data "
            "DIR or set dataset.root"
        )
    if given is not None:
        source = source.with_extensions(given)
    if not len(source):
        raise _nothing_found(source, wanted)
    return source


def find_in(location: str, paths: PathList) -> ImageSource:
    """Return the images of the given names at ``location``; a folder is not listed for it.

    Names that do not exist fail when they are read.
    """
    if not location_exists(location) or (os.path.isdir(location) and _is_plain(location)):
        return FolderSource(location, paths)
    return open_source(location).find(paths)


def location_exists(location: str) -> bool:
    """Return whether a file or folder exists, on disk or inside a pack or another file."""
    return os.path.exists(location) or _container(location) is not None


def part_of(location: str, folders: Sequence[str], channels: int, extensions: Sequence[str] | None) -> str | None:
    """Return the location of the first of ``folders`` that exists below ``location``, on disk or inside of it."""
    on_disk = (os.path.join(location, name) for name in folders)
    if (found := next(filter(os.path.isdir, on_disk), None)) is not None:
        return found
    if not os.path.exists(location) or _is_plain(location):
        return None
    source = open_source(location, channels, extensions)
    return next((os.path.join(location, name) for name in folders if source.has_folder(name)), None)


def _open(location: str, wanted: tuple[str, ...]) -> ImageSource | None:
    if os.path.isfile(location):
        return _open_file(location, wanted)
    if os.path.isdir(location):
        return _open_folder(location, wanted)
    if (container := _container(location)) is None:
        return None
    if os.path.isfile(container):
        whole = _open_file(container, wanted)
    else:
        shards = None if is_pack(container) else near_shards(container)
        whole = open_pack(container) if shards is None else _open_shards(container, shards, wanted)
    return None if whole is None else whole.below(os.path.relpath(location, container))


def _open_folder(location: str, wanted: tuple[str, ...]) -> ImageSource:
    if is_pack(location):
        return open_pack(location)
    listing = list_images(location, wanted)
    if not len(listing.paths) and (shards := find_shards(location)) is not None:
        return _open_shards(location, shards, wanted)
    return FolderSource(location, listing.paths, listing.left_out)


def _open_file(location: str, wanted: tuple[str, ...]) -> ImageSource | None:
    if location.lower().endswith(COMPRESSED_TARS):
        refuse_compressed(location)
    kind = os.path.splitext(location)[1].lower()
    if kind == ZIP:
        return open_zip(location, wanted)
    return _open_shards(location, (kind, [os.path.basename(location)]), wanted) if kind in KINDS else None


def _open_shards(location: str, shards: Shards, wanted: tuple[str, ...]) -> ImageSource:
    kind, files = shards
    if kind == ".arrow":
        return open_arrow(location, files)
    return open_parquet(location, files) if kind == ".parquet" else open_tars(location, files, wanted)


def _container(location: str) -> str | None:
    """Return what a location that is not on disk lies in: a pack, a file, or for a split a folder of shards."""
    parent, below = os.path.split(os.path.normpath(location))
    while parent and not os.path.exists(parent):
        parent, name = os.path.split(parent)
        below = os.path.join(name, below)
    if not parent:
        return None
    if os.path.isfile(parent):
        return None if _is_plain(parent) else parent
    return parent if is_pack(parent) or (below in SPLITS and near_shards(parent) is not None) else None


def _is_plain(location: str) -> bool:
    """Return whether a folder holds image files, or a file is no container of images."""
    if os.path.isfile(location):
        return os.path.splitext(location)[1].lower() not in (ZIP, *KINDS)
    return not is_pack(location) and near_shards(location) is None


def check_extensions(extensions: Sequence[str]) -> tuple[str, ...]:
    """Return extensions in lower case with a leading dot; a single one may be given as a string."""
    given = [extensions] if isinstance(extensions, str) else list(extensions)
    if not given or not all(isinstance(each, str) and each.strip(". ") for each in given):
        raise UsageError(f"extensions={extensions!r}: expected a list of file name endings, such as ['.jpg', '.avif']")
    return tuple("." + each.strip().lower().lstrip(".") for each in given)


def _nothing_found(source: ImageSource, wanted: tuple[str, ...]) -> MissingFileError:
    there = f"there are {describe_left_out(source.left_out)}; " if source.left_out else ""
    example = f"[{next((each for each in source.left_out if each.startswith('.')), '.jpg')}]"
    return MissingFileError(
        f"root: no image below {os.path.abspath(source.location)!r}; looked for {', '.join(wanted)} at any depth; "
        f"{there}point to the folder that holds the images, or set dataset.extensions, also with --data: --cfg-options "
        f"'train_dataloader.dataset.extensions={example}'"
    )
