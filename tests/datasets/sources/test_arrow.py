from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from other_containers import save_to_disk, table_of

from mmmim.datasets.sources import open_source
from mmmim.errors import UsageError


def test_files_and_streams_are_read(class_folder: Path, tmp_path: Path) -> None:
    table = pa.table(dict(image=[path.read_bytes() for path in sorted(class_folder.glob("*/*.png"))]))
    for kind in (pa.ipc.new_file, pa.ipc.new_stream):
        with (
            pa.OSFile(str(tmp_path / f"{kind.__name__}.arrow"), "wb") as sink,
            kind(sink, table.schema) as writer,
        ):
            writer.write_table(table, max_chunksize=5)
        source = open_source(str(tmp_path / f"{kind.__name__}.arrow"))
        assert len(source) == 36 and source.classes is None
        assert [source.read(number) for number in (0, 35)] == [table["image"][row].as_py() for row in (0, 35)]


def test_a_selection_of_rows_is_refused_with_the_line_that_mends_it(class_folder: Path, tmp_path: Path) -> None:
    save_to_disk(table_of(class_folder, ("ant", "bee", "cat")), tmp_path / "set")
    state = tmp_path / "set" / "state.json"
    content = json.loads(state.read_text(encoding="utf-8")) if state.exists() else {}
    content["_indices_data_files"] = [dict(filename="indices.arrow")]
    state.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(
        UsageError,
        match=r"is a selection of rows .*flatten_indices\(\)\.save_to_disk\(NEW\)",
    ):
        open_source(str(tmp_path / "set"))
