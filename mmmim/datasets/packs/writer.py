"""Write a pack, shard by shard, in several processes."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmmim.checkpoint.files import atomic_write
from mmmim.datasets.image_files import ImageFiles
from mmmim.datasets.sources import ImageSource, open_source
from mmmim.datasets.sources.index import store_index
from mmmim.datasets.sources.pack import INDEX_FILE, index_stamp
from mmmim.errors import RunFailed, UsageError

from .plan import Plan, write_facts
from .pool import Progress, write_shards
from .settings import PackSettings
from .shards import UNREADABLE_FILE, index_shards, is_whole

FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class PackReport:
    """The result of packing.

    Attributes:
        images: Number of images in the pack.
        shards: Number of its files.
        size: Bytes of its files.
        unreadable: Reasons by name of the images that could not be read.
        was_complete: Whether nothing was left to do.
    """

    images: int
    shards: int
    size: int
    unreadable: dict[str, str]
    was_complete: bool


def write_pack(
    source: ImageSource, folder: Path, settings: PackSettings, workers: int, progress: Progress = lambda done: None
) -> PackReport:
    """Pack the images of ``source`` into ``folder``; shards that a stopped run finished are kept.

    Args:
        progress: Is called with the number of images that are done.

    Raises:
        UsageError: The folder holds something else, or a pack of other images or settings.
        RunFailed: The storage stays away, the disk is full, no image is readable, or a worker was killed.
        OSError: The pack cannot be written for another reason.
    """
    _check_kinds(source, settings)
    plan = Plan(source, folder, settings)
    try:
        return _write(plan, workers, progress)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise RunFailed(f"{error.filename or folder}: {error.strerror}; {_room(plan)}") from None


def _write(plan: Plan, workers: int, progress: Progress) -> PackReport:
    before = plan.begin()
    _remove_leftovers(plan.folder)
    sizes = {shard["file"]: shard["bytes"] for shard in before["shards"]}
    missing = [shard for shard in range(plan.num_shards) if not _is_done(plan.path(shard), sizes)]
    if before["complete"] and not missing and _opens(plan.folder):
        return _report(plan, before, was_complete=True)
    write_facts(plan.folder, dict(before, complete=False))
    progress(len(plan.source) - sum(len(plan.ids(shard)) for shard in missing))
    write_shards(plan, missing, workers, progress)
    return _report(plan, _finish(plan, before), was_complete=False)


def _room(plan: Plan) -> str:
    """Return what was finished before the disk was full, and what is left to do."""
    sizes = [plan.path(shard).stat().st_size for shard in range(plan.num_shards) if plan.path(shard).exists()]
    about = f" (about {(plan.num_shards - len(sizes)) * max(sizes) / 1e9:,.1f} GB)" if sizes else ""
    return (
        f"{len(sizes)} of {plan.num_shards} shards are finished and stay. Make room{about} and run the same command "
        "again, which goes on; or choose a smaller --size or --format jpeg, and another folder"
    )


def _check_kinds(source: ImageSource, settings: PackSettings) -> None:
    """Refuse images of an unknown range or another number of channels before anything is written, as training does."""
    try:
        ImageFiles(source, np.full(len(source), -1), (), (), settings.channels, settings.value_range)
    except UsageError as error:
        raise UsageError(f"{error} (here with --channels N and --value-range LOW HIGH)") from None


def _finish(plan: Plan, facts: dict[str, Any]) -> dict[str, Any]:
    shards = [plan.path(shard).name for shard in range(plan.num_shards)]
    index = index_shards(plan.folder, shards, plan.source.classes)
    unreadable = _unreadable(plan.folder)
    packed = set(index.names)
    planned = {plan.name(i) for i in range(len(plan.source))}
    if lost := planned - packed - set(unreadable):
        raise RunFailed(
            f"{plan.folder}: {len(lost)} images are neither packed nor listed as unreadable, e.g. {lost.pop()}"
        )
    left = {name: reason for name, reason in unreadable.items() if name in planned - packed}
    _list_unreadable(plan.folder, left)
    if not packed:
        raise UsageError(
            f"none of the {len(planned):,} images is readable; {plan.folder / UNREADABLE_FILE} says why of each"
        )
    facts = dict(facts, complete=True, shards=[dict(file=s, bytes=os.path.getsize(plan.folder / s)) for s in shards])
    with atomic_write(plan.folder / INDEX_FILE) as file:
        store_index(file, index, index_stamp(facts))
    write_facts(plan.folder, dict(facts, packed=len(packed)))
    return dict(facts, packed=len(packed))


def _report(plan: Plan, facts: dict[str, Any], was_complete: bool) -> PackReport:
    size = sum(shard["bytes"] for shard in facts["shards"])
    return PackReport(facts["packed"], len(facts["shards"]), size, _unreadable(plan.folder), was_complete)


def _is_done(shard: Path, sizes: dict[str, int]) -> bool:
    return is_whole(shard) and sizes.get(shard.name, shard.stat().st_size) == shard.stat().st_size


def _opens(folder: Path) -> bool:
    try:
        open_source(str(folder))
    except UsageError:
        return False
    return True


def _unreadable(folder: Path) -> dict[str, str]:
    path = folder / UNREADABLE_FILE
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def _list_unreadable(folder: Path, unreadable: dict[str, str]) -> None:
    path = folder / UNREADABLE_FILE
    if not unreadable:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as file:
        file.write("".join(f"{name}\t{reason}\n" for name, reason in sorted(unreadable.items())).encode())


def _remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of a run that was killed."""
    for temporary in folder.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)
