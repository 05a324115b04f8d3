"""Keeps features of frozen encoders on disk, so that a second evaluation of the same encoder computes none."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from safetensors.torch import save_file
from torch import Tensor

from mmmim.checkpoint.reader import read_file
from mmmim.datasets.file_listing import cache_folder
from mmmim.errors import UsageError

from .features import Features
from .fingerprint import update

FORMAT = 1  # counted up when entries of older versions must not be read
MAX_BYTES = 8 * 2**30
ABANDONED = 24 * 3600.0  # seconds after which a file that is still being written belongs to a process that was killed
SUFFIX, UNFINISHED = ".safetensors", ".part"


class FeatureCache:
    """A folder with one file of features for each encoder and dataset, named by a hash of all that they depend on.

    A file is written whole or not at all, by any number of processes. One that is damaged is computed again; a folder
    that cannot be written is only read. The files that were not used for the longest time are removed where all of
    them would be larger than ``max_bytes``. Everything in the folder may be deleted at any time.

    Args:
        folder: Default: ``features`` in :func:`~mmmim.datasets.file_listing.cache_folder`.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, max_bytes: int = MAX_BYTES) -> None:
        self.folder = cache_folder() / "features" if folder is None else Path(folder).expanduser()
        self.max_bytes = max_bytes
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"--cache {folder}: is a file; name a folder")

    def load(self, key: Mapping[str, Any]) -> Features | None:
        """Return the stored features of a key, or None."""
        file = self._file(key)
        if not file.is_file():
            return None
        try:
            content = read_file(file)
            features = Features(content["x"], content["y"])
            if not torch.equal(content["checksum"], _checksum(features)):
                raise ValueError("its checksum is wrong")
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            _log(f"{file} cannot be used and is computed again: {error}", logging.WARNING)
            return None
        with suppress(OSError):  # a folder that may only be read
            os.utime(file)
        return features

    def store(self, key: Mapping[str, Any], features: Features) -> None:
        """Write the features of a key; where that fails, the log says why."""
        size = sum(each.nbytes for each in features)
        if size > self.max_bytes:
            _log(f"{size / 2**30:.1f} GiB of features are not kept: {self.folder} holds {self.max_bytes / 2**30:g} GiB")
            return
        file = self._file(key)
        temporary = file.with_suffix(f".{os.getpid()}{UNFINISHED}")
        content = dict(x=features.x.contiguous(), y=features.y.contiguous(), checksum=_checksum(features))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size)
            save_file(content, temporary, metadata={name: str(value) for name, value in key.items()})
            os.replace(temporary, file)
        except Exception as error:  # the library has errors of its own for a full or protected disk
            _log(f"the features are not kept in {self.folder}: {error}", logging.WARNING)
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _file(self, key: Mapping[str, Any]) -> Path:
        text = json.dumps(dict(key, format=FORMAT), sort_keys=True)
        return self.folder / (hashlib.sha256(text.encode()).hexdigest()[:40] + SUFFIX)

    def _make_room(self, size: int) -> None:
        """Remove what killed processes left, and the files that were used least recently."""
        facts = []
        for file in self.folder.iterdir():
            with suppress(OSError):  # another process removed it
                facts.append((file.stat(), file))
        now = time.time()
        for stat, file in facts:
            if file.suffix == UNFINISHED and now - stat.st_mtime > ABANDONED:
                file.unlink(missing_ok=True)
        entries = sorted(((s, f) for s, f in facts if f.suffix == SUFFIX), key=lambda fact: fact[0].st_mtime)
        excess = sum(stat.st_size for stat, _ in entries) + size - self.max_bytes
        for stat, file in entries:
            if excess <= 0:
                break
            file.unlink(missing_ok=True)
            excess -= stat.st_size


def _checksum(features: Features) -> Tensor:
    digest = hashlib.sha256()
    for name, tensor in features._asdict().items():
        update(digest, name, tensor)
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)


def _log(text: str, level: int = logging.INFO) -> None:
    print_log(f"feature cache: {text}", logger="current", level=level)
