"""Parquet files, in which Hugging Face's hub stores tables: compressed, so that a group of rows is read at a time."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log

from mmmim.errors import UsageError

from .arrow_schema import find_columns, import_pyarrow
from .base import DamagedEntry
from .index import Index, indexed_once, sorted_index
from .naming import Label, names_as_in_a_folder
from .open_files import OpenFiles
from .stored import StoredImages

if TYPE_CHECKING:
    import pyarrow

KEPT_BYTES = 256 << 20  # of decompressed groups of rows, in each process
SLOW_ROWS = 16  # of a group, from which a remark says that packing is faster


def open_parquet(location: str, files: Sequence[str]) -> ParquetRows:
    """Return the images in Parquet files, which are listed once."""
    folder = location if os.path.isdir(location) else os.path.dirname(location)
    index = indexed_once(location, folder, files, lambda: _index(folder, files))
    return ParquetRows(location, index, folder)


class ParquetRows(StoredImages):
    """Rows of Parquet files. The columns of the index are ``file``, ``group`` and ``row``.

    A group of rows is decompressed as a whole; a process keeps the last ones, up to :data:`KEPT_BYTES`.
    """

    def __init__(self, location: str, index: Index, folder: str) -> None:
        super().__init__(location, index, folder)
        self._tables: dict[int, Any] = {}
        self._groups: dict[tuple[int, int], Any] = {}
        if len(self) and int(self.columns["row"].max()) >= SLOW_ROWS:
            print_log(
                f"{location}: Parquet is read by groups of up to {int(self.columns['row'].max()) + 1:,} rows, also for "
                "a single image; pack it once for fast training: python tools/pack.py DIR OUT",
                logger="current",
                level=logging.WARNING,
            )

    def __getstate__(self) -> dict:
        return dict(self.__dict__, _tables={}, _groups={})

    def read(self, index: int) -> bytes:
        file, group, row = self.row(index, "file", "group", "row")
        content = self._group(file, group)[row].as_py()
        if not content:
            raise DamagedEntry(f"row {row} of group {group} in {self.opened.paths[file]} holds no image")
        return content

    def _group(self, file: int, group: int) -> Any:
        if (known := self._groups.get((file, group))) is not None:
            return known
        if file not in self._tables:
            self._tables[file] = _open(_AtOffsets(self.opened, file), self.opened.paths[file])
        table = self._tables[file]
        path = find_columns(table.schema_arrow, self.opened.paths[file]).stored_bytes(table.schema_arrow)
        column = table.read_row_group(group, columns=[path], use_threads=False).column(0).combine_chunks()
        values = column.field("bytes") if "." in path else column
        while self._groups and sum(each.nbytes for each in self._groups.values()) + values.nbytes > KEPT_BYTES:
            del self._groups[next(iter(self._groups))]
        self._groups[file, group] = values
        return values


class _AtOffsets(io.RawIOBase):
    """A file of ``OpenFiles`` with a position, for pyarrow; its errors are those of the storage."""

    def __init__(self, files: OpenFiles, which: int) -> None:
        self.files, self.which, self.position = files, which, 0
        self.size = os.stat(files.paths[which]).st_size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self.size - self.position)
        length = left if size is None or size < 0 else min(size, left)
        content = self.files.read(self.which, self.position, length) if length else b""
        self.position += length
        return content


def _open(file: Any, path: str) -> pyarrow.parquet.ParquetFile:
    pa = import_pyarrow(path)
    try:
        return pa.parquet.ParquetFile(file)
    except pa.ArrowInvalid as error:
        raise UsageError(f"root: {path!r} is no Parquet file, or a damaged one ({error}); copy it again") from None


def _index(folder: str, files: Sequence[str]) -> Index:
    stems: list[str] = []
    labels: list[Label] = []
    columns: dict[str, list[int]] = dict(file=[], group=[], row=[])
    class_names = None
    for number, name in enumerate(files):
        path = os.path.join(folder, name)
        table = _open(path, path)
        chosen = find_columns(table.schema_arrow, path)
        class_names = class_names or chosen.class_names
        in_file = 0
        for group in range(table.num_row_groups):
            rows = table.metadata.row_group(group).num_rows
            found = [None] * rows
            if chosen.label is not None:
                found = table.read_row_group(group, [chosen.label], use_threads=False).column(0).to_pylist()
            labels += found
            stems += [f"{in_file + row:08d}" for row in range(rows)]
            columns["file"] += [number] * rows
            columns["group"] += [group] * rows
            columns["row"] += range(rows)
            in_file += rows
    if not stems:
        raise UsageError(f"root: the Parquet files of {folder!r} hold no row")
    names, classes = names_as_in_a_folder(stems, labels, columns["file"], files, class_names)
    return sorted_index(files, names, columns, classes)
