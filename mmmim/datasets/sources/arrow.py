"""Arrow files, in which ``datasets`` of Hugging Face store a table: the images are byte ranges of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmmim.errors import UsageError

from .arrow_schema import Columns, find_columns, import_pyarrow
from .index import Index, indexed_once, sorted_index
from .naming import Label, names_as_in_a_folder
from .stored import ByteRanges

if TYPE_CHECKING:
    import pyarrow

FILE_FORMAT = b"ARROW1"  # which begins a file; streams, which datasets write, have no such word
STATE_FILE = "state.json"


def open_arrow(location: str, files: Sequence[str]) -> ByteRanges:
    """Return the images in Arrow files, which are listed once."""
    folder = location if os.path.isdir(location) else os.path.dirname(location)
    for name in files:
        _refuse_selection(os.path.join(folder, os.path.dirname(name)))
    index = indexed_once(location, folder, files, lambda: _index(folder, files))
    return ByteRanges(location, index, folder)


def _refuse_selection(folder: str) -> None:
    state = os.path.join(folder, STATE_FILE)
    if not os.path.isfile(state):
        return
    with open(state, encoding="utf-8") as file:
        content = json.load(file)
    if content.get("_indices_data_files"):
        raise UsageError(
            f"root: {folder!r} is a selection of rows of a data set, in the form of old releases of datasets; write it "
            "again with datasets.load_from_disk(DIR).flatten_indices().save_to_disk(NEW)"
        )


def _index(folder: str, files: Sequence[str]) -> Index:
    pa = import_pyarrow(os.path.join(folder, files[0]))
    stems: list[str] = []
    labels: list[Label] = []
    columns: dict[str, list[int]] = dict(file=[], offset=[], length=[])
    empty, class_names = 0, None
    for number, name in enumerate(files):
        path, row = os.path.join(folder, name), 0
        with pa.memory_map(path) as file:
            schema, batches = _batches(file, path)
            chosen = find_columns(schema, path)
            class_names = class_names or chosen.class_names
            file.seek(0)
            whole = file.read_buffer()
            for batch in batches:
                offsets, lengths = _ranges(batch, chosen, whole, path)
                found = [None] * len(batch) if chosen.label is None else batch.column(chosen.label).to_pylist()
                for offset, length, label in zip(offsets, lengths, found, strict=True):
                    row += 1
                    if not length:
                        empty += 1
                        continue
                    stems.append(f"{row - 1:08d}")
                    labels.append(label)
                    columns["file"].append(number)
                    columns["offset"].append(offset)
                    columns["length"].append(length)
            del batches, whole
    if not stems:
        raise UsageError(
            f"root: {folder!r} holds no image, but perhaps their paths; write it again with embedded images: "
            "datasets.load_from_disk(DIR).save_to_disk(NEW)"
        )
    names, classes = names_as_in_a_folder(stems, labels, columns["file"], files, class_names)
    return sorted_index(files, names, columns, classes, {"rows without an image": empty} if empty else {})


def _batches(file: pyarrow.MemoryMappedFile, path: str) -> tuple[pyarrow.Schema, Iterator[pyarrow.RecordBatch]]:
    pa = import_pyarrow(path)
    start = file.read(len(FILE_FORMAT))
    file.seek(0)
    try:
        if start == FILE_FORMAT:
            reader = pa.ipc.open_file(file)
            return reader.schema, (reader.get_batch(number) for number in range(reader.num_record_batches))
        stream = pa.ipc.open_stream(file)
        return stream.schema, iter(list(stream))
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"root: {path!r} is no Arrow file, or a damaged one ({error}); copy it again") from None


def _ranges(batch: pyarrow.RecordBatch, chosen: Columns, whole: pyarrow.Buffer, path: str) -> tuple[list, list]:
    """Return offsets in the file and lengths of the images of a batch; a missing image has length 0."""
    pa = import_pyarrow(path)
    column = batch.column(chosen.image)
    values = column.field("bytes") if pa.types.is_struct(column.type) else column
    wide = pa.types.is_large_binary(values.type) or pa.types.is_large_string(values.type)
    _, ends, data = values.buffers()
    if data is None:
        return [0] * len(batch), [0] * len(batch)
    start = data.address - whole.address
    if not 0 <= start <= whole.size:
        raise UsageError(
            f"root: {path!r} is compressed, so that no image in it can be read alone; write it again with "
            "datasets.load_from_disk(DIR).save_to_disk(NEW)"
        )
    bounds = np.frombuffer(ends, np.int64 if wide else np.int32)[values.offset : values.offset + len(values) + 1]
    present = np.array(values.is_valid()) & np.array(column.is_valid())
    return (start + bounds[:-1].astype(np.int64)).tolist(), np.where(present, np.diff(bounds), 0).tolist()
