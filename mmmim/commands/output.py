from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mmmim.errors import UsageError


def check_output(option: str, path: str | Path | None, folder: bool = False) -> None:
    """Refuse a place that cannot be written to, before any work is done for it.

    Args:
        option: The argument that names the place.
        path: A file, or with ``folder`` a folder, that will be made; None passes.

    Raises:
        UsageError: The place is a folder (a file with ``folder``), or lies where nothing can be made.
    """
    if path is None:
        return
    place = Path(path)
    if place.exists() and place.is_dir() != folder:
        raise UsageError(f"{option} {path}: this is a {'file' if folder else 'folder'}; choose another name")
    parent = place if place.is_dir() else place.absolute().parent
    while not os.path.lexists(parent):
        parent = parent.parent
    if not parent.is_dir():
        raise UsageError(f"{option} {path}: {parent} is no folder; choose another place")
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise UsageError(
            f"{option} {path}: the folder {parent} cannot be written to ({error.strerror}); choose another place"
        ) from None
