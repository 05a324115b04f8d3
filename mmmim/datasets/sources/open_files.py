from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence

from .base import DamagedEntry

MAX_OPEN = 256  # files of one source in one process


class OpenFiles:
    """Files that are opened when they are first read, and read at given offsets.

    Nothing has a position, so that a descriptor that a worker process inherits can be shared. After an error a file is
    opened anew, because handles of network storage become stale.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = tuple(paths)
        self._opened: dict[int, io.FileIO] = {}

    def __getstate__(self) -> dict:
        return dict(paths=self.paths, _opened={})

    def read(self, which: int, offset: int, length: int) -> bytes:
        """Return ``length`` bytes of a file.

        Raises:
            OSError: The storage gave an error.
            DamagedEntry: The file ends before.
        """
        file = self._opened.get(which) or self._open(which)
        try:
            content = os.pread(file.fileno(), length, offset)
            if len(content) == length:
                return content
            return self._rest(file, content, offset, length)
        except OSError:
            self._opened.pop(which, None)
            raise

    def _rest(self, file: io.FileIO, content: bytes, offset: int, length: int) -> bytes:
        parts, done = [content], len(content)
        while done < length:
            part = os.pread(file.fileno(), length - done, offset + done)
            if not part:
                raise DamagedEntry(f"{file.name} ends {length - done:,} bytes before the end of this entry")
            parts.append(part)
            done += len(part)
        return b"".join(parts)

    def _open(self, which: int) -> io.FileIO:
        if len(self._opened) >= MAX_OPEN:
            self._close_oldest()
        try:
            file = io.FileIO(self.paths[which], "rb")
        except OSError as error:
            if error.errno != errno.EMFILE or not self._opened:
                raise
            self._close_oldest()
            file = io.FileIO(self.paths[which], "rb")
        self._opened[which] = file
        return file

    def _close_oldest(self) -> None:
        for which in list(self._opened)[: len(self._opened) // 2 + 1]:
            del self._opened[which]  # closed with its last reference
