from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmmim.datasets.file_listing import PathList
from mmmim.datasets.sources.base import DamagedEntry
from mmmim.datasets.sources.index import Index, sorted_index
from mmmim.datasets.sources.stored import DEFLATED, STORED, ByteRanges

CONTENT = [b"first image", b"second image" * 20, b"third"]


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Three images in a file, of which the second is compressed."""
    entries = [CONTENT[0], deflated(CONTENT[1]), CONTENT[2]]
    (tmp_path / "file.bin").write_bytes(b"head" + b"".join(entries))
    offsets = [4 + sum(map(len, entries[:number])) for number in range(3)]
    columns: dict[str, Any] = dict(
        file=[0, 0, 0],
        offset=offsets,
        length=list(map(len, entries)),
        crc=list(map(zlib.crc32, CONTENT)),
        method=[STORED, DEFLATED, STORED],
    )
    return sorted_index(["file.bin"], ["a.png", "b.png", "c.png"], columns, None)


def test_stored_and_deflated_entries_are_read(index: Index, tmp_path: Path) -> None:
    source = ByteRanges("here", index, str(tmp_path))
    assert [source.read(number) for number in range(3)] == CONTENT
    assert source.row(2, "file", "length") == (0, 5)


def test_a_changed_byte_is_a_damaged_entry(index: Index, tmp_path: Path) -> None:
    content = bytearray((tmp_path / "file.bin").read_bytes())
    content[6] ^= 1
    (tmp_path / "file.bin").write_bytes(content)
    with pytest.raises(DamagedEntry, match=r"the checksum fails: its 11 bytes in .*file\.bin were changed"):
        ByteRanges("here", index, str(tmp_path)).read(0)
    assert len(ByteRanges("here", index, str(tmp_path), check=False).read(0)) == 11


def test_bytes_that_cannot_be_decompressed_are_a_damaged_entry(index: Index, tmp_path: Path) -> None:
    content = (tmp_path / "file.bin").read_bytes()
    (tmp_path / "file.bin").write_bytes(content[:15] + b"\xff" * (len(content) - 15))
    with pytest.raises(DamagedEntry, match=r"file\.bin: Error -3"):
        ByteRanges("here", index, str(tmp_path)).read(1)


def test_names_are_looked_up_and_what_is_absent_is_told(index: Index, tmp_path: Path) -> None:
    found = ByteRanges("here", index, str(tmp_path)).find(PathList.of(["./c.png", "d.png", "a.png"]))
    assert [found.has(number) for number in range(3)] == [True, False, True] and found.read(0) == CONTENT[2]
    with pytest.raises(DamagedEntry, match="here has no image of this name"):
        found.read(1)
    part = found.take(np.array([1, 2]))
    assert [part.has(0), part.has(1)] == [False, True] and part.read(1) == CONTENT[0]


def test_the_stamp_is_that_of_files_and_chosen_images(index: Index, tmp_path: Path) -> None:
    source = ByteRanges("here", index, str(tmp_path))
    assert source.stamp() == ByteRanges("here", index, str(tmp_path)).stamp() != source.take(np.array([0])).stamp()
    (tmp_path / "file.bin").unlink()
    assert source.stamp() is None
