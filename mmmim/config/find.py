from __future__ import annotations

from pathlib import Path

from mmmim.config.renamed import new_place
from mmmim.errors import UsageError, nearest


def find_config(path: str) -> Path:
    """Return ``path`` itself, or its new name where the config was renamed.

    Raises:
        UsageError: there is no such config; names the existing ones most like it.
    """
    file = Path(path)
    if file.is_file():
        return file
    if (renamed := new_place(file)) is not None and renamed.is_file():
        return renamed
    known = {str(known) for folder in ("configs", "projects") for known in sorted(Path(folder).rglob("*.py"))}
    by_name = [known_path for known_path in sorted(known) if Path(known_path).name == file.name]
    near = list(dict.fromkeys([*nearest(path, known, 0.5), *by_name]))[:3]
    what = "is a folder" if file.is_dir() else "does not exist"
    hint = f"; did you mean {' or '.join(near)}?" if near else f" (looked from {Path.cwd()})"
    raise UsageError(f"config {path} {what}{hint}")
