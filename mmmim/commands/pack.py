"""Pack images into a few large files, which train faster than single files and are copied as fast as a disk writes.

python tools/pack.py DIR OUT
python tools/pack.py DIR OUT --size 256 --format pixels --workers 16
python tools/pack.py LIST OUT --root DIR
python tools/train.py configs/mae/vit-b_800e.py --data OUT
python tools/pack.py --verify OUT

DIR is a folder of images, with or without class folders or train/ and val/, or whatever else --data reads: a ZIP file,
WebDataset tars, a data set that Hugging Face's datasets saved, Parquet files. LIST is a text file with a path, and
perhaps a label, in each line. A command that was stopped goes on when it is given again.
"""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmmim.datasets.packs import PackReport, PackSettings
    from mmmim.datasets.sources import ImageSource

FULL = (errno.ENOSPC, errno.EDQUOT)
STOPPED = 130  # the exit status of a command that Ctrl-C ended


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", metavar="DIR|LIST", help="images to pack")
    parser.add_argument("out", nargs="?", metavar="OUT", help="folder of the pack")
    parser.add_argument("--verify", metavar="PACK", help="read a pack and compare it with its checksums")
    parser.add_argument(
        "--format", choices=("jpeg", "pixels"), default="jpeg",
        help="jpeg: small, decoded at each reading; pixels: ten times as large, nothing is decoded (default: jpeg)",
    )  # fmt: skip
    parser.add_argument("--size", type=int, default=256, help="longest short side in pixels (default: 256)")
    parser.add_argument("--quality", type=int, default=95, help="of JPEG files that are made smaller (default: 95)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    parser.add_argument(
        "--root", metavar="DIR", help="folder that the paths in LIST start from (default: that of LIST)"
    )
    parser.add_argument("--channels", type=int, default=3, help="of the images, as for ImageFolder (default: 3)")
    parser.add_argument(
        "--value-range", type=float, nargs=2, metavar=("LOW", "HIGH"), help="values that become 0 and 255"
    )
    parser.add_argument("--extensions", nargs="+", metavar=".EXT", help="of the images (default: all that are read)")
    parser.add_argument("--per-shard", type=int, metavar="N", help="images in one file (default: 10000, pixels 4000)")
    args = parser.parse_args(argv)
    if (args.verify is None) == (args.out is None) or (args.verify is not None and args.source is not None):
        parser.error("give DIR|LIST and OUT to pack images, or --verify PACK")
    if args.workers < 1:
        parser.error(f"--workers {args.workers}: at least 1 process")
    return args


def pack(args: argparse.Namespace) -> int:
    """Write or verify a pack and print what was done; return the exit status."""
    if args.verify is not None:
        verify(Path(args.verify))
        return 0
    from mmmim.datasets.packs import PackSettings

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
    from mmmim.datasets.sources import LIST_ENDINGS, open_list, open_source

    if args.root is not None or (args.source.lower().endswith(LIST_ENDINGS) and not os.path.isdir(args.source)):
        return open_list(args.source, args.root)
    return open_source(args.source, args.channels, args.extensions)


def _write(source: ImageSource, out: Path, settings: PackSettings, workers: int) -> PackReport:
    from mmmim.datasets.packs import write_pack
    from mmmim.errors import RunFailed, UsageError
    from mmmim.launch.run_lock import run_lock
    from mmmim.progress import progress

    if out.is_file():
        raise UsageError(f"OUT: {str(out)!r} is a file; a pack is a folder")
    try:
        with run_lock(out, "OUT", "packs"), progress("packed", len(source)) as show:
            return write_pack(source, out, settings, workers, show)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise RunFailed(f"{error.filename or out}: {error.strerror}; {_room(source, out, settings)}") from None


def _room(source: ImageSource, out: Path, settings: PackSettings) -> str:
    """Return what was finished before the disk was full, and what is left to do."""
    sizes = [shard.stat().st_size for shard in out.glob("shard-*.zip")]
    total = -(-len(source) // settings.images_per_shard(len(source)))
    about = f" (about {(total - len(sizes)) * max(sizes) / 1e9:,.1f} GB)" if sizes else ""
    return (
        f"{len(sizes)} of {total} shards are finished and stay. Make room{about} and run the same command again, which "
        "goes on; or choose a smaller --size or --format jpeg, and another folder"
    )


def _describe(report: PackReport, out: str) -> str:
    size = f"{report.size / 1e9:,.2f} GB, {report.size / report.images / 1e3:,.1f} kB per image"
    done = "was complete already" if report.was_complete else "is complete and was read back"
    lines = [f"{out} {done}: {report.images:,} images in {report.shards:,} files, {size}"]
    if report.unreadable:
        lines.append(
            f"{len(report.unreadable):,} images could not be read: {Path(out, 'unreadable.txt')} says why of each"
        )
    lines.append(f"train from it: python tools/train.py CONFIG --data {out}")
    return "\n".join(lines)


def verify(folder: Path) -> None:
    """Read a pack and print whether it is what was written.

    Raises:
        RunFailed: It is not; the message names the shards.
    """
    from mmmim.datasets.packs import verify_pack
    from mmmim.errors import RunFailed

    found = verify_pack(folder)
    if found.damaged:
        which = "; ".join(f"{shard}: {wrong}" for shard, wrong in list(found.damaged.items())[:10])
        raise RunFailed(
            f"{folder}: {len(found.damaged)} damaged shard(s): {which}. Copy them again, or delete them and run "
            f"python tools/pack.py {found.source} {folder}, which writes them anew"
        )
    written = "; the index was not, and was written anew" if found.index_written else ""
    print(f"{folder}: {found.images:,} images, {found.size / 1e9:,.2f} GB, all as they were written{written}")


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(argv)
    from mmmim.commands.running import run_tool

    return run_tool(pack, args)
