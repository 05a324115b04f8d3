from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from other_containers import (
    add_to_tar,
    write_parquet,
)

from mmmim.datasets import ImageList
from mmmim.datasets.sources import find_in, open_source
from mmmim.datasets.storage import is_storage_error
from mmmim.errors import MissingFileError, UsageError


def test_a_list_finds_images_inside_a_file(made: Any, class_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("./bee/03.png 1\nant/00.png 0\nno/where.png 2\n", encoding="utf-8")
    for root in (made("stored.zip"), class_folder):
        data = ImageList(str(root), f"{tmp_path}/list.txt")
        assert [int(data[i]["inputs"][0, 0, 0]) for i in (0, 1)] == [43, 0] and data.labels.tolist() == [1, 0, 2]
    source = find_in(str(made("stored.zip")), data.paths)
    with pytest.raises(ValueError, match="has no image of this name") as told:
        source.read(2)
    assert not is_storage_error(told.value)


def damaged_tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        add_to_tar(archive, "a.png", bytes(5000))
    path.write_bytes(path.read_bytes()[:3000])


def compressed_tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        add_to_tar(archive, "a.png", bytes(5000))


def compressed_arrow(path: Path) -> None:
    import pyarrow as pa

    table = pa.table(dict(image=[b"x" * 10000] * 4))
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)


def numbers_only(path: Path) -> None:
    import pyarrow as pa

    write_parquet(pa.table(dict(a=[1, 2], b=[3, 4])), path)


def text(path: Path) -> None:
    path.write_text("no such container", encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "write", "told"),
    [
        ("a.tar", damaged_tar, r"a\.tar' is no tar file, or a damaged one \(unexpected end of data\); copy it again"),
        ("a.tar", text, r"a\.tar' is no tar file"),
        ("a.tar.gz", compressed_tar, r"is compressed as a whole.*gunzip"),
        ("a.zip", text, r"is no ZIP file, or a damaged one"),
        ("a.arrow", text, r"is no Arrow file, or a damaged one"),
        ("a.arrow", compressed_arrow, r"is compressed, so that no image in it can be read alone; .*save_to_disk"),
        ("a.parquet", text, r"is no Parquet file, or a damaged one"),
        ("a.parquet", numbers_only, r"has no column of encoded images, only a, b"),
    ],
)
def test_what_cannot_be_read_is_one_line(name: str, write: Any, told: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    for location in (tmp_path / name, tmp_path):
        if name.endswith(".zip") and location == tmp_path:
            continue  # a folder with a ZIP file is a folder
        with pytest.raises(UsageError, match=told) as found:
            open_source(str(location))
        assert "\n" not in str(found.value)


def test_a_container_without_images(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("notes.txt", "no image")
        archive.writestr("__MACOSX/._a.png", "no image")
    with pytest.raises(MissingFileError, match=r"no image below .*a\.zip.*there are 1 \.txt"):
        open_source(str(tmp_path / "a.zip"))
    with pytest.raises(MissingFileError, match=r"no image below .*a\.zip/train"):
        open_source(str(tmp_path / "a.zip" / "train"))


def test_a_name_that_is_nowhere_does_not_list_what_lies_above(class_folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("mmmim.datasets.sources.recognise.list_images", lambda *_: pytest.fail("listed a folder"))
    for missing in ("/no/such", f"{class_folder}/train", "nowhere"):
        with pytest.raises(MissingFileError, match="does not exist"):
            open_source(missing)
