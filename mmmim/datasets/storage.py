"""Read files from storage that may fail for a while: an outage is waited for, it does not make a picture unreadable."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mmengine.logging import print_log

from mmmim.errors import RunFailed

T = TypeVar("T")

# Errors that say something of the path itself, which waiting does not change.
OF_THE_PATH = {errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR}
# Errors that a single deleted or protected file gives as well as a storage that is away.
OF_ONE_FILE = {errno.ENOENT, errno.EACCES, errno.EPERM}
FIRST_WAIT, LONGEST_WAIT = 0.1, 10.0  # seconds between two tries, doubled every time
DOUBT = 3.0  # seconds after which a file whose neighbours can be read counts as missing or protected
LONG_DOUBT = 60.0  # the same for other errors


class StorageOutage(RunFailed):
    """The storage did not come back in the time that a run waits for it."""


class NotAFile(ValueError):
    """A path that names a pipe, a device, a socket or a folder."""


@dataclass
class ReadingPolicy:
    """Says what a dataset does about files that cannot be read.

    Attributes:
        outage_minutes: How long it tries again where the storage gives an error.
        max_bad_share: Share of unreadable files that stops the run, from :attr:`MIN_BAD` of them on.
        list_file: Where unreadable files are listed as they are found.
    """

    outage_minutes: float = 10.0
    max_bad_share: float = 0.1
    list_file: Path | None = None

    MIN_BAD = 10

    def is_exceeded(self, bad: int, total: int) -> bool:
        """Return whether so many unreadable files out of ``total`` stop the run."""
        return bad >= self.MIN_BAD and bad > self.max_bad_share * total


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a regular file; a pipe without a writer does not block.

    Raises:
        NotAFile: The path names something else.
        OSError: The storage gave an error.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotAFile(f"{os.fspath(path)} is no regular file")
        content = os.read(descriptor, found.st_size)
        while len(content) < found.st_size and (rest := os.read(descriptor, found.st_size - len(content))):
            content += rest  # a read gives 2 GiB at most
        return content
    finally:
        os.close(descriptor)


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file in one write, so that the lines of several processes do not mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, os.fsencode(line + "\n"))
    finally:
        os.close(descriptor)


def is_storage_error(error: BaseException) -> bool:
    """Return whether an error came from the storage; decoders raise OSErrors too, but without an error number."""
    return isinstance(error, OSError) and error.errno is not None and error.errno not in OF_THE_PATH


def read_patiently(
    read: Callable[[], T], name: Callable[[], str], neighbours: Callable[[], tuple[int, int]], minutes: float
) -> T:
    """Return what ``read`` returns, trying again with growing pauses as long as the storage gives an error.

    Args:
        name: Returns the file for messages.
        neighbours: Returns how many files beside it can be read, and how many there are; where half of them can, it is
            this file that is missing.
        minutes: How long to try.

    Raises:
        OSError: This file alone cannot be read.
        StorageOutage: Neither it nor its neighbours could be read in this time.
    """
    start, wait = time.monotonic(), FIRST_WAIT
    failed: OSError | None = None
    while True:
        try:
            found = read()
        except OSError as error:
            if not is_storage_error(error):
                raise
            waited = time.monotonic() - start
            if failed is None:
                _log(f"cannot read {name()} ({_reason(error)}); trying again for up to {minutes:g} minutes")
            failed = error
            doubt = DOUBT if error.errno in OF_ONE_FILE else LONG_DOUBT
            if waited >= min(doubt, 60 * minutes):
                readable, near = neighbours()
                if 2 * readable >= near > 0:
                    raise
            if waited >= 60 * minutes:
                raise StorageOutage(
                    f"{name()}: still {_reason(error)} after {minutes:g} minutes of trying, and {near - readable} of "
                    f"its {near} neighbours cannot be read either. No file was marked as unreadable; start again with "
                    "--resume when the storage is "
                    "back, or wait longer with default_hooks.bad_files.outage_minutes"
                ) from None
            time.sleep(min(wait, 60 * minutes))
            wait = min(2 * wait, LONGEST_WAIT)
        else:
            if failed is not None:
                _log(f"{name()} can be read again after {time.monotonic() - start:.1f} s")
            return found


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _log(text: str) -> Any:
    print_log(f"storage: {text}", logger="current", level=logging.WARNING)
