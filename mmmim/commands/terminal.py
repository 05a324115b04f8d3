from __future__ import annotations

import os
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
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
            raise SystemExit(1) from None
        raise  # it was another pipe
