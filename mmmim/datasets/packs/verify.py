"""Read every byte of a pack and compare it with its checksums."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmmim.checkpoint.files import atomic_write
from mmmim.datasets.sources.index import Index, load_index, store_index
from mmmim.datasets.sources.pack import INDEX_FILE, PACK_FILE, index_stamp, is_pack, read_facts
from mmmim.errors import UsageError
from mmmim.progress import track

from .shards import find_damage, index_shards


@dataclass(frozen=True)
class Verification:
    """The result of reading a pack.

    Attributes:
        images: Number of images.
        size: Bytes that were read.
        damaged: What is wrong, by shard.
        index_written: Whether the index was missing or damaged and was written anew from the shards.
        source: What was packed.
    """

    images: int
    size: int
    damaged: dict[str, str]
    index_written: bool
    source: str


def verify_pack(folder: Path) -> Verification:
    """Read all shards of a pack; write its index anew if the shards are good and the index is not.

    Raises:
        UsageError: It is no pack, or one that is not finished or of another version.
    """
    if not is_pack(str(folder)):
        raise UsageError(f"--verify {folder}: no pack; it has no {PACK_FILE}")
    facts = read_facts(str(folder))
    if not facts["complete"]:
        raise UsageError(
            f"--verify {folder}: this pack is not finished; python tools/pack.py {facts['source']} {folder} goes on"
        )
    damaged: dict[str, str] = {}
    for shard in track(facts["shards"], "verified", len(facts["shards"]), "shards"):
        if (wrong := _damage_of(folder / shard["file"], shard["bytes"])) is not None:
            damaged[shard["file"]] = wrong
    written = False if damaged else _mend_index(folder, facts)
    size = sum(shard["bytes"] for shard in facts["shards"])
    return Verification(facts["packed"], size, damaged, written, facts["source"])


def _damage_of(shard: Path, size: int) -> str | None:
    if not shard.is_file():
        return "missing"
    if (found := os.path.getsize(shard)) != size:
        return f"{found:,} bytes in place of {size:,}"
    return find_damage(shard)


def _mend_index(folder: Path, facts: dict[str, Any]) -> bool:
    """Write the index anew where it is not what the shards give; return whether that was so."""
    right = index_shards(folder, [shard["file"] for shard in facts["shards"]], facts["classes"])
    with suppress(OSError, ValueError):
        if _same(load_index(folder / INDEX_FILE, index_stamp(facts)), right):
            return False
    with atomic_write(folder / INDEX_FILE) as file:
        store_index(file, right, index_stamp(facts))
    return True


def _same(one: Index, other: Index) -> bool:
    pairs = [(one.names.text, other.names.text), (one.names.ends, other.names.ends)]
    pairs += [(one.columns.get(key, np.empty(0)), column) for key, column in other.columns.items()]
    return one.classes == other.classes and all(np.array_equal(a, b) for a, b in pairs)
