"""The work of ``tools/pack.py``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mmmim.called import as_called
from mmmim.datasets.packs import PackReport, PackSettings, verify_pack, write_pack
from mmmim.datasets.sources import LIST_ENDINGS, ImageSource, open_list, open_source
from mmmim.errors import RunFailed, UsageError
from mmmim.launch.run_lock import run_lock
from mmmim.progress import progress

STOPPED = 130  # the exit status of a command that Ctrl-C ended


def pack(args: argparse.Namespace) -> int:
    """Write a pack and print what was done; return the exit status."""
    pairs = None if args.value_range is None else tuple(args.value_range)
    settings = PackSettings(args.format, args.size, args.quality, args.channels, pairs, args.per_shard)
    source = _open(args)
    try:
        report = _write(source, Path(args.out), settings, args.workers)
    except KeyboardInterrupt:
        print(f"\nstopped; what is finished in {args.out} stays, and the same command goes on")
        return STOPPED
    print(_describe(report, args.out))
    return 0


def _open(args: argparse.Namespace) -> ImageSource:
    if args.root is not None or (args.source.lower().endswith(LIST_ENDINGS) and not os.path.isdir(args.source)):
        return open_list(args.source, args.root)
    return open_source(args.source, args.channels, args.extensions)


def _write(source: ImageSource, out: Path, settings: PackSettings, workers: int) -> PackReport:
    if out.is_file():
        raise UsageError(f"OUT: {str(out)!r} is a file; a pack is a folder")
    with run_lock(out, "OUT", "packs"), progress("images", "packed") as show:
        return write_pack(source, out, settings, workers, lambda done: show(done, len(source)))


def _describe(report: PackReport, out: str) -> str:
    size = f"{report.size / 1e9:,.2f} GB, {report.size / report.images / 1e3:,.1f} kB per image"
    done = "was complete already" if report.was_complete else "is complete and was read back"
    lines = [f"{out} {done}: {report.images:,} images in {report.shards:,} files, {size}"]
    if report.unreadable:
        lines.append(
            f"{len(report.unreadable):,} images could not be read: {Path(out, 'unreadable.txt')} says why of each"
        )
    lines.append(as_called(f"train from it: python tools/train.py CONFIG --data {out}"))
    return "\n".join(lines)


def verify(location: str) -> int:
    """Read a pack and print whether it is what was written; return the exit status.

    Raises:
        RunFailed: It is not; the message names the shards.
    """
    found = verify_pack(folder := Path(location))
    if found.damaged:
        which = "; ".join(f"{shard}: {wrong}" for shard, wrong in list(found.damaged.items())[:10])
        raise RunFailed(
            f"{folder}: {len(found.damaged)} damaged shard(s): {which}. Copy them again, or delete them and run "
            f"python tools/pack.py {found.source} {folder}, which writes them anew"
        )
    written = "; the index was not, and was written anew" if found.index_written else ""
    print(f"{folder}: {found.images:,} images, {found.size / 1e9:,.2f} GB, all as they were written{written}")
    return 0
