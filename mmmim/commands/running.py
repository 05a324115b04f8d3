"""How every command in ``tools/`` ends: with an exit status, and with one line where a traceback would not help."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mmmim.called import as_called
from mmmim.commands.terminal import print_in_any_locale, quiet_where_nobody_reads
from mmmim.errors import RunFailed, UsageError
from mmmim.launch.process import close_launcher, is_first_process, process_id

FAILED, USAGE_ERROR = 1, 2  # exit statuses; 2 is argparse's for a wrong command line
# Errors of the machine that name no file.
REFUSED_BY_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.EADDRINUSE)


def run_tool(tool: Callable[..., object], *args: Any) -> int:
    """Call ``tool(*args)`` and return the exit status: the number it returns, or 0 where it returns none.

    An error that the user can fix (:class:`UsageError`, files that cannot be read or written, a port in use) is printed
    as one line and returns 2. A run that had to stop (:class:`RunFailed`) is printed likewise and returns 1. Every
    other error is a fault of the code and keeps its traceback; ``MMMIM_TRACEBACK=1`` shows the traceback of all errors.
    """
    print_in_any_locale()
    try:
        with quiet_where_nobody_reads():
            status = tool(*args)
    except Exception as error:
        message = explanation(error)
        if message is None or os.environ.get("MMMIM_TRACEBACK") == "1":
            raise
        if is_first_process():
            print(f"error: {as_called(message)}", file=sys.stderr)
        elif isinstance(error, OSError):  # the machines of the other processes may not have this error
            print(f"error on process {process_id()}: {message}", file=sys.stderr)
        return FAILED if isinstance(error, RunFailed) else USAGE_ERROR
    finally:
        close_launcher()
    return int(status) if isinstance(status, int) else 0


@contextmanager
def libraries_loading() -> Iterator[None]:
    """Pause the garbage collector while libraries are imported, and make it pass by what they hold from then on.

    It would take a fifth of the time of the imports and find nothing. In a process that has torch already, other
    objects may have become garbage: there it goes on as ever.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        atexit.register(gc.unfreeze)  # what is frozen at the end is a leak to nanobind, which lists all of it
        gc.enable()
        atexit.register(gc.unfreeze)  # triton would report what is never freed


def explanation(error: Exception) -> str | None:
    """Return what to tell the user in place of a traceback; None for a fault of the code."""
    if type(error).__name__ == "DistNetworkError":  # torch's, which need not be imported here
        port = os.environ.get("MASTER_PORT", "unknown")
        return (
            f"the processes cannot find each other at {os.environ.get('MASTER_ADDR', 'an unknown address')}, port "
            f"{port}: {str(error).splitlines()[0]}; choose a free port with PORT=N (MASTER_PORT=N under Slurm)"
        )
    words = _message(error)
    if isinstance(error, (UsageError, RunFailed)):
        return words
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if isinstance(error, OSError) and (
        error.errno in REFUSED_BY_MACHINE or (error.errno is None and words.startswith("[Errno "))
    ):
        return words
    return None


def _message(error: Exception) -> str:
    """Return the error's message; an error of a data worker has it at the end of the worker's traceback."""
    text = str(error)
    if "Original Traceback (most recent call last)" not in text:
        return text
    return re.split(rf"^(?:[\w.]+\.)?{type(error).__name__}: ", text, flags=re.MULTILINE)[-1].strip()
