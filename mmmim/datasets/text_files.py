"""Read lists that people write by hand, export from a spreadsheet or bring from another system."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

from mmmim.errors import MissingFileError, UsageError

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
LABELLED = re.compile(r"""(?P<path>"(?:[^"]|"")+"|'[^']+'|.+?)(?:\s*[,;\t]\s*|\s+)(?P<label>[+-]?[0-9]+)""")


def read_text(path: str, argument: str) -> str:
    """Return the text of a file in UTF-8, with or without byte order mark, or in UTF-16 with one.

    Raises:
        MissingFileError: There is no such file.
        UsageError: The file has another encoding; the message names the file, the line and how to convert it.
    """
    if not os.path.isfile(path):
        raise MissingFileError(f"{argument}: no such file: {path!r} (looked from {os.getcwd()!r})")
    data = Path(path).read_bytes()
    encoding = "utf-16" if data.startswith(UTF_16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{argument}: {path!r}, line {_line(data, error.start)}: not in {encoding.removesuffix('-sig').upper()}; "
            f"save it as UTF-8, for instance with iconv -f LATIN1 -t UTF-8"
        ) from None
    if "\0" in text:
        raise UsageError(
            f"{argument}: {path!r}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}: holds NUL characters, as "
            "UTF-16 without byte order mark and binary files do; save it as UTF-8"
        )
    return text


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def read_lines(path: str, argument: str) -> list[tuple[int, str]]:
    """Return the lines of a text file with their numbers, without empty ones and those that start with ``#``.

    Raises:
        UsageError: No line is left, or :func:`read_text` raises one.
    """
    lines = enumerate(re.split(r"\r\n|\r|\n", read_text(path, argument)), start=1)
    kept = [(number, line.strip()) for number, line in lines if line.strip() and not line.startswith("#")]
    if not kept:
        raise UsageError(f"{argument}: {path!r} names no image")
    return kept


def path_and_label(line: str) -> tuple[str, int | None]:
    """Return path and label of a line, separated by spaces, comma, semicolon or tab; None without a label."""
    if (found := LABELLED.fullmatch(line)) is not None:
        return as_path(found["path"]), int(found["label"])
    return as_path(line), None


def as_path(text: str) -> str:
    """Return a path without the quotes around it and with slashes as separators, as the locale spells file names."""
    if len(text) > 2 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].replace('""', '"')
    return os.fsdecode(text.replace("\\", "/").encode())
