from __future__ import annotations

from pathlib import Path

import pytest
from small_packs import cut, flip

from mmmim.datasets.packs import verify_pack
from mmmim.errors import UsageError


def test_verify_names_the_shard(packed: Path) -> None:
    found = verify_pack(packed)
    assert found.damaged == {} and found.images == 36 and not found.index_written
    shard = flip(packed, 14)
    (packed / "shard-00003.zip").unlink()
    assert verify_pack(packed).damaged == {
        shard: "the checksum of bee/02.png fails", "shard-00003.zip": "missing"
    }  # fmt: skip


def test_verify_writes_a_damaged_index_anew(packed: Path, class_folder: Path) -> None:
    before = (packed / "index.npz").read_bytes()
    cut(packed / "index.npz")
    assert verify_pack(packed).index_written and (packed / "index.npz").read_bytes() == before
    with pytest.raises(UsageError, match=r"no pack; it has no pack\.json"):
        verify_pack(class_folder)
