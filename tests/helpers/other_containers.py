"""Write a folder of images in the forms in which other tools store data sets."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def images_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def write_zip(folder: Path, out: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", method) as archive:
        for path in images_of(folder):
            archive.write(path, path.relative_to(folder))
    return out


def add_to_tar(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


Labels = Callable[[int, str], tuple[str, bytes] | None]


def as_cls(label: int, name: str) -> tuple[str, bytes]:
    return ".cls", str(label).encode()


def as_json(label: int, name: str) -> tuple[str, bytes]:
    return ".json", json.dumps(dict(label=label, caption="a picture")).encode()


def as_word(label: int, name: str) -> tuple[str, bytes]:
    return ".cls", name.encode()


def as_text(label: int, name: str) -> tuple[str, bytes]:
    return ".txt", f"{label}\n".encode()


def as_caption(label: int, name: str) -> tuple[str, bytes]:
    return ".txt", f"a picture of {name}".encode()


def write_webdataset(folder: Path, pattern: str, num_shards: int = 3, label_file: Labels = as_cls) -> None:
    """Write ``key.png`` and a file of the label; ``pattern`` is a path with ``{}`` for the number of the shard."""
    paths = images_of(folder)
    classes = sorted({path.parent.name for path in paths})
    Path(pattern).parent.mkdir(parents=True, exist_ok=True)
    for shard in range(num_shards):
        with tarfile.open(pattern.format(f"{shard:04d}"), "w") as archive:
            for path in paths[shard::num_shards]:
                key = f"{path.parent.name}_{path.stem}"
                add_to_tar(archive, key + path.suffix, path.read_bytes())
                found = label_file(classes.index(path.parent.name), path.parent.name)
                if found is not None:
                    add_to_tar(archive, key + found[0], found[1])


def table_of(folder: Path, classes: Sequence[str], paths: Sequence[Path] | None = None) -> pa.Table:
    """A table as ``datasets.Dataset`` stores it, with its description of the columns; the order of classes is given."""
    paths = images_of(folder) if paths is None else paths
    images = [dict(bytes=path.read_bytes(), path=path.name) for path in paths]
    features: dict[str, Any] = {
        "id": {"dtype": "int64", "_type": "Value"},
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
    }
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("label", pa.int64()),
        ],
        metadata={"huggingface": json.dumps(dict(info=dict(features=features)))},
    )
    labels = [list(classes).index(path.parent.name) for path in paths]
    return pa.table([pa.array(range(len(paths))), pa.array(images, schema.field(1).type), pa.array(labels)], schema)


def save_to_disk(table: pa.Table, folder: Path, num_shards: int = 2, rows_per_batch: int = 5) -> Path:
    """Write a table as ``datasets.Dataset.save_to_disk`` does."""
    folder.mkdir(parents=True)
    files = [f"data-{shard:05d}-of-{num_shards:05d}.arrow" for shard in range(num_shards)]
    size = -(-len(table) // num_shards)
    for shard, file in enumerate(files):
        part = table.slice(shard * size, size)
        with pa.OSFile(str(folder / file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(part.combine_chunks(), max_chunksize=rows_per_batch)
    state = dict(_data_files=[dict(filename=file) for file in files], _split=None)
    (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
    (folder / "dataset_info.json").write_text("{}", encoding="utf-8")
    return folder


def write_parquet(table: pa.Table, path: Path, rows_per_group: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=rows_per_group)
    return path
