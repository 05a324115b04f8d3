"""Choose parts of a folder: hold-out, low-shot share, listed files; each function returns the ids of the images."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from mmmim.errors import UsageError, one_of

from .file_listing import PathList
from .text_files import as_path, read_lines


def holdout_part(paths: PathList, labels: np.ndarray, subset: str, holdout: float) -> np.ndarray:
    """Return the ids of the subset ``train`` or ``holdout``, a share of each class chosen by a hash of the names."""
    one_of("subset", subset, ("train", "holdout"))
    if not 0 < holdout < 1:
        raise UsageError(f"holdout: expected a share between 0 and 1, got {holdout}")
    hashes = _hashes(paths)
    held = np.zeros(len(paths), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1:
            count = min(max(1, round(holdout * len(members))), len(members) - 1)
            held[members[np.argsort(hashes[members], kind="stable")[:count]]] = True
    keep = np.flatnonzero(held if subset == "holdout" else ~held)
    if not len(keep):
        raise UsageError(f"subset: {subset!r} of {len(paths)} image(s) is empty; give more images or val/ of their own")
    return keep


def low_shot_part(paths: PathList, labels: np.ndarray, keep: float, seed: int) -> np.ndarray:
    """Return the ids of a share of each class, at least one image, chosen by a hash of seed and names.

    With the same seed, smaller shares are part of larger ones.
    """
    if not 0 < keep <= 1:
        raise UsageError(f"keep={keep}: a share of each class between 0 and 1, such as 0.01 or 0.1")
    hashes, kept = _hashes(paths, f"{seed}/"), []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        kept.append(members[np.argsort(hashes[members], kind="stable")[: max(1, round(keep * len(members)))]])
    return np.sort(np.concatenate(kept))


def listed_part(paths: PathList, list_file: str, everything: PathList) -> np.ndarray:
    """Return the ids of the images that ``list_file`` names, by path below the folder or by file name.

    ``everything`` is the whole folder, of which ``paths`` may be a part; a name that is not in it is an error.
    """
    lines = {as_path(line): number for number, line in read_lines(list_file, "list_file")}
    names = set(lines)
    known = {name for path in everything for name in (path, os.path.basename(path))}
    if unknown := [name for name in lines if name not in known]:
        raise UsageError(
            f"list_file: {len(unknown)} of {len(names)} names in {list_file!r} are no image of the folder, e.g. "
            f"{unknown[:3]}, the first in line {lines[unknown[0]]}; a line is a path below root such as "
            f"{everything[0]!r}, or its file name"
        )
    keep = [i for i, path in enumerate(paths) if path in names or os.path.basename(path) in names]
    if len(paths) == len(everything) and len(keep) > len(names):
        raise UsageError(
            f"list_file: {len(names)} names in {list_file!r} stand for {len(keep)} images, as file names repeat; "
            "name the images by their path below root"
        )
    if not keep:
        raise UsageError(f"list_file: {list_file!r} leaves no image in this subset")
    return np.array(keep)


def _hashes(paths: PathList, prefix: str = "") -> np.ndarray:
    digests = (hashlib.blake2b(os.fsencode(prefix + path), digest_size=8).digest() for path in paths)
    return np.array([int.from_bytes(digest, "little") for digest in digests], np.uint64)
