"""Which image goes into which shard, and whether a pack that was begun is of the same images and settings."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmmim.checkpoint.files import atomic_write
from mmmim.datasets.sources import ImageSource
from mmmim.datasets.sources.pack import KIND, PACK_FILE, VERSION, is_pack, read_facts, shard_name
from mmmim.errors import UsageError
from mmmim.version import __version__

from .settings import PackSettings

ABOUT = "Images in plain ZIP files without compression, written by tools/pack.py of mmmim; docs/data.md describes them."
LOCK_FILE = "run.lock"  # which the command that packs holds
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NAMES = {"per_shard": "per-shard", "value_range": "value-range"}


@dataclass(frozen=True)
class Plan:
    """The images of a source, in the order of their names, divided among the shards of a pack."""

    source: ImageSource
    folder: Path
    settings: PackSettings

    @cached_property
    def per_shard(self) -> int:
        """Return the number of images in a shard."""
        return self.settings.images_per_shard(len(self.source))

    @property
    def num_shards(self) -> int:
        """Return the number of shards."""
        return -(-len(self.source) // self.per_shard)

    def ids(self, shard: int) -> range:
        """Return the indices of the images of a shard."""
        return range(shard * self.per_shard, min((shard + 1) * self.per_shard, len(self.source)))

    def path(self, shard: int) -> Path:
        """Return the file of a shard."""
        return self.folder / shard_name(shard)

    def name(self, index: int) -> str:
        """Return the name of an image in the pack: bytes that are no UTF-8 and control characters are escaped."""
        name = os.fsencode(self.source.names[index]).decode("utf-8", "backslashreplace")
        return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", name)

    def facts(self) -> dict[str, Any]:
        """Return what ``pack.json`` says before the pack is complete."""
        names = self.source.names
        digest = hashlib.sha256(names.text.tobytes() + names.ends.tobytes()).hexdigest()
        return dict(
            about=ABOUT,
            kind=KIND,
            version=VERSION,
            mmmim=__version__,
            complete=False,
            source=os.path.abspath(self.source.location),
            images=len(self.source),
            listing=digest,
            classes=self.source.classes,
            **dict(self.settings.facts(), per_shard=self.per_shard),
            shards=[],
        )

    def begin(self) -> dict[str, Any]:
        """Write ``pack.json``, or check that the pack that is there is of the same images and settings; return it.

        Raises:
            UsageError: It is of others, or the folder holds something else.
        """
        facts = self.facts()
        if not is_pack(str(self.folder)):
            if self.folder.is_dir() and {path.name for path in self.folder.iterdir()} - {LOCK_FILE}:
                raise UsageError(f"OUT: {str(self.folder)!r} is not empty and no pack; choose an empty or a new folder")
            write_facts(self.folder, facts)
            return facts
        before = read_facts(str(self.folder))
        differing = [key for key in (*self.settings.facts(), "images", "listing") if before.get(key) != facts[key]]
        if options := [key for key in differing if key in self.settings.facts()]:
            given = ", ".join(f"--{NAMES.get(key, key)} {before.get(key)} there, {facts[key]} here" for key in options)
            raise UsageError(
                f"OUT: {str(self.folder)!r} holds a {'' if before['complete'] else 'half-written '}pack with other "
                f"settings: {given}; give the same ones to go on with it, or choose another folder"
            )
        if differing:
            raise UsageError(
                f"OUT: {str(self.folder)!r} is a pack of other images: {before['images']:,} of {before['source']} "
                f"there, {facts['images']:,} of {facts['source']} here, and names differ; choose another folder"
            )
        return before


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write ``pack.json`` in one go."""
    with atomic_write(folder / PACK_FILE) as file:
        file.write((json.dumps(facts, indent=1) + "\n").encode())
