from __future__ import annotations

import sys
from io import TextIOWrapper


def print_in_any_locale() -> None:
    """Let the output escape letters that its encoding lacks, the ± of a table in the locale ``C`` for one, in place of
    ending the tool."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
