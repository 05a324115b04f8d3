from __future__ import annotations

import sys
from io import TextIOWrapper


def print_in_any_locale() -> None:
    """Make output escape characters that its encoding lacks instead of failing.

    An example is the ± of a table in the locale ``C``.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
