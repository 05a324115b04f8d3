"""Write a shard, read it back, and list what shards hold."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mmmim.checkpoint.files import atomic_write
from mmmim.datasets.patient import PatientReader
from mmmim.datasets.sources import ImageSource
from mmmim.datasets.sources.index import Index, sorted_index
from mmmim.datasets.sources.zips import data_offset
from mmmim.datasets.storage import append_line
from mmmim.errors import RunFailed

from .encode import Encoded, encode
from .plan import Plan

UNREADABLE_FILE = "unreadable.txt"
DATE = (1980, 1, 1, 0, 0, 0)  # of every entry, so that the same images give the same bytes
READABLE_BY_ALL = 0o644 << 16


class SourceReader(PatientReader):
    """Reads the images of a source, waiting for a storage that is away."""

    def __init__(self, source: ImageSource) -> None:
        self.source = source
        self.prepare_reading()

    def name(self, index: int) -> str:
        return self.source.name(index)

    def probe(self, index: int) -> None:
        self.source.read(index)

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> bytes:
        """Return the encoded image."""
        return self.load_patiently(index, partial(self.source.read, index))


def write_shard(plan: Plan, shard: int, after_image: Callable[[], None]) -> None:
    """Write a shard, which appears under its name when all of it is on the disk and was read back.

    Images that cannot be read are left out and listed in ``unreadable.txt``.

    Args:
        after_image: Is called after each image.

    Raises:
        RunFailed: The storage of the source stays away, or what was read back is not what was written.
        OSError: The shard cannot be written.
    """
    reader = SourceReader(plan.source)
    with atomic_write(plan.path(shard)) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            taken: set[str] = set()
            for index in plan.ids(shard):
                name = plan.name(index)
                try:
                    encoded = encode(reader.read(index), reader.name(index), plan.settings)
                except RunFailed:
                    raise
                except Exception as error:  # decoders raise anything on broken data
                    reason = " ".join(f"{type(error).__name__}: {error}".split())
                    append_line(plan.folder / UNREADABLE_FILE, f"{name}\t{reason}")
                else:
                    archive.writestr(_entry(name, encoded, taken), encoded.content)
                after_image()
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):  # so that it is the disk that is read
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if (wrong := find_damage(Path(file.name))) is not None:
            raise RunFailed(
                f"{plan.path(shard)}: what was written is not what is read back: {wrong}; is the disk good?"
            )


def _entry(name: str, encoded: Encoded, taken: set[str]) -> zipfile.ZipInfo:
    """Return an entry, whose comment is the name of the image if its own name has another ending."""
    own = name
    if encoded.ending and os.path.splitext(name)[1].lower() not in _endings(encoded.ending):
        own += encoded.ending
    while own in taken:
        own += encoded.ending or "~"
    taken.add(own)
    entry = zipfile.ZipInfo(own, DATE)
    entry.external_attr, entry.create_system = READABLE_BY_ALL, 3
    entry.comment = b"" if own == name else name.encode()
    return entry


def _endings(ending: str) -> tuple[str, ...]:
    return (".jpg", ".jpeg", ".jpe", ".jfif") if ending == ".jpg" else (ending,)


def find_damage(shard: Path) -> str | None:
    """Return what is wrong with a shard, of which every byte is read, or None."""
    try:
        with zipfile.ZipFile(shard) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError) as error:
        return str(error)
    return None if broken is None else f"the checksum of {broken} fails"


def is_whole(shard: Path) -> bool:
    """Return whether a shard was written to its end."""
    return shard.is_file() and zipfile.is_zipfile(shard)


def index_shards(folder: Path, shards: Sequence[str], classes: Sequence[str] | None = None) -> Index:
    """Return the index of a pack, as its shards give it.

    Raises:
        zipfile.BadZipFile: A shard is damaged.
    """
    names: list[str] = []
    columns: dict[str, list[int]] = dict(file=[], offset=[], length=[], crc=[])
    for number, shard in enumerate(shards):
        with zipfile.ZipFile(folder / shard) as archive, open(folder / shard, "rb") as file:
            for entry in archive.infolist():
                names.append(entry.comment.decode() or entry.filename)
                columns["file"].append(number)
                columns["offset"].append(data_offset(file.fileno(), entry))
                columns["length"].append(entry.file_size)
                columns["crc"].append(entry.CRC)
    return sorted_index(shards, names, columns, classes)
