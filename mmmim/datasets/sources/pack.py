"""A pack: ZIP files without compression, an index of them, and ``pack.json``, which says what they are."""

from __future__ import annotations

import json
import os
from typing import Any

from mmmim.errors import UsageError

from .index import load_index
from .stored import ByteRanges

PACK_FILE, INDEX_FILE = "pack.json", "index.npz"
KIND, VERSION = "mmmim-pack", 1
JPEG, PIXELS = "jpeg", "pixels"


def is_pack(location: str) -> bool:
    """Return whether a folder is a pack, perhaps an incomplete one."""
    return os.path.isfile(os.path.join(location, PACK_FILE))


def shard_name(number: int) -> str:
    """Return the name of a shard."""
    return f"shard-{number:05d}.zip"


def read_facts(location: str) -> dict[str, Any]:
    """Return what ``pack.json`` says.

    Raises:
        UsageError: It is damaged, or of another version.
    """
    path = os.path.join(location, PACK_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        kind, version = facts["kind"], facts["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path!r} is damaged ({type(error).__name__}: {error}); copy it again, or pack into another folder"
        ) from None
    if kind != KIND or version != VERSION:
        raise UsageError(
            f"{location!r} is a pack of version {version} of {kind!r}, and this mmmim reads version {VERSION} of "
            f"{KIND!r}; use the release of mmmim that wrote it ({facts.get('mmmim', 'unknown')}), or pack again"
        )
    return facts


def open_pack(location: str) -> ByteRanges:
    """Return the images of a pack.

    Raises:
        UsageError: The pack is half-written, damaged or of another version; the message says what to do.
    """
    facts = read_facts(location)
    if not facts["complete"]:
        raise UsageError(
            f"{location!r} is a pack that is not finished; run the command again that packs into it, and it goes on: "
            f"python tools/pack.py {facts['source']} {location}"
        )
    check_shards(location, facts)
    path = os.path.join(location, INDEX_FILE)
    try:
        index = load_index(path, index_stamp(facts))
    except FileNotFoundError:
        raise _index_error(path, location, "is missing") from None
    except ValueError as error:
        raise _index_error(path, location, f"is not the one of this pack: {error}") from None
    pixels = facts["format"] == PIXELS
    source = ByteRanges(location, index, location, check=not pixels)
    source.short_side, source.is_8_bit = facts["size"], pixels
    return source


def check_shards(location: str, facts: dict[str, Any]) -> None:
    """Raise a UsageError if a shard is missing or has another size than when it was written."""
    for shard in facts["shards"]:
        path = os.path.join(location, shard["file"])
        size = os.path.getsize(path) if os.path.exists(path) else None
        if size != shard["bytes"]:
            found = "is missing" if size is None else f"has {size:,} bytes in place of {shard['bytes']:,}"
            raise UsageError(
                f"{path!r} {found}; copy it again, or delete it and run python tools/pack.py {facts['source']} "
                f"{location}, which writes this shard anew"
            )


def index_stamp(facts: dict[str, Any]) -> list[list]:
    """Return by what the index of a pack is known to belong to it."""
    return [[shard["file"], shard["bytes"]] for shard in facts["shards"]]


def _index_error(path: str, location: str, found: str) -> UsageError:
    return UsageError(f"{path!r} {found}; python tools/pack.py --verify {location} reads the shards and writes it anew")
