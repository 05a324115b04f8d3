from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper


def print_in_any_locale() -> None:
    """Make output escape characters that its encoding lacks instead of failing.

    An example is the ± of a table in the locale ``C``.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def quiet_where_nobody_reads() -> Iterator[None]:
    """End the program with status 1 and without a traceback where its output is a pipe that was closed.

    ``head`` closes it after the lines that it wants.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not _is_closed(sys.stdout.fileno()):
            raise  # it was another pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
        raise SystemExit(1) from None


def _is_closed(descriptor: int) -> bool:
    """Return whether nobody reads a pipe any more."""
    events = select.poll()
    events.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in events.poll(0))
