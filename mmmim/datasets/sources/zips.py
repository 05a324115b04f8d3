from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Sequence

from mmmim.errors import UsageError

from .index import Index, indexed_once, sorted_index
from .stored import DEFLATED, STORED, ByteRanges

LOCAL_HEADER = 30  # bytes, before the name
ENCRYPTED = 0x1


def open_zip(location: str, extensions: Sequence[str]) -> ByteRanges:
    """Return the images of a ZIP file.

    Raises:
        UsageError: It is no ZIP file, or a damaged one.
    """
    folder, name = os.path.split(location)
    index = indexed_once(location, folder, [name], lambda: _index(location, tuple(extensions)))
    return ByteRanges(location, index, folder)


def data_offset(file: int, entry: zipfile.ZipInfo) -> int:
    """Return where the data of an entry begin in the file of the descriptor ``file``."""
    header = os.pread(file, LOCAL_HEADER, entry.header_offset)
    if len(header) < LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no entry at byte {entry.header_offset}")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return entry.header_offset + LOCAL_HEADER + lengths


def is_hidden(path: str) -> bool:
    """Return whether a file or one of its folders is hidden, as the files that macOS adds to archives are."""
    return any(part.lstrip(".") and part.startswith((".", "__MACOSX")) for part in path.split("/"))


def _index(location: str, extensions: tuple[str, ...]) -> Index:
    names: list[str] = []
    columns: dict[str, list[int]] = dict(file=[], offset=[], length=[], crc=[], method=[])
    left_out: Counter[str] = Counter()
    try:
        with zipfile.ZipFile(location) as archive, open(location, "rb") as file:
            for entry in archive.infolist():
                if entry.is_dir() or is_hidden(entry.filename):
                    continue
                if not entry.filename.lower().endswith(extensions):
                    left_out[os.path.splitext(entry.filename)[1].lower() or "(none)"] += 1
                elif entry.compress_type not in (STORED, DEFLATED):
                    left_out[f"compressed by method {entry.compress_type} of ZIP"] += 1
                elif entry.flag_bits & ENCRYPTED:
                    left_out["encrypted"] += 1
                else:
                    names.append(os.path.normpath(entry.filename.lstrip("/")))
                    columns["file"].append(0)
                    columns["offset"].append(data_offset(file.fileno(), entry))
                    columns["length"].append(entry.compress_size)
                    columns["crc"].append(entry.CRC)
                    columns["method"].append(entry.compress_type)
    except zipfile.BadZipFile as error:
        raise UsageError(f"root: {location!r} is no ZIP file, or a damaged one ({error}); copy it again") from None
    if len(set(names)) < len(names):
        again = next(name for name, count in Counter(names).items() if count > 1)
        raise UsageError(f"root: {location!r} has several entries {again!r}; write the ZIP file anew")
    return sorted_index([os.path.basename(location)], names, columns, left_out=dict(left_out.most_common()))
