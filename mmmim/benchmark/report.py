"""Print measured figures, keep them in JSON files, and show kept ones on the page of the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmmim.config.folder import project_folder
from mmmim.errors import UsageError

from .facts import machine
from .tables import TABLES

PAGE, FOLDER = "docs/performance.md", "docs/performance"
MARK = re.compile(r"<!-- (?P<name>[\w.-]+\.json) -->\n.*?<!-- end -->", re.S)


def show(kind: str, figures: Mapping[str, Any], settings: Mapping[str, Any], out: Path | None) -> None:
    """Print figures of a kind, and write them with machine and settings to ``out``, if it is given."""
    print(TABLES[kind](figures))
    if out is None:
        return
    kept = {key: value for key, value in settings.items() if isinstance(value, (str, int, float, list, type(None)))}
    out.parent.mkdir(parents=True, exist_ok=True)
    content = dict(kind=kind, machine=machine(), settings=kept, figures=figures)
    out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {out}")


def page(text: str, folder: Path) -> str:
    """Return the text of the page with the table of each JSON file of ``folder`` that it names in a comment.

    Raises:
        UsageError: A file is named that does not exist.
    """

    def table(match: re.Match[str]) -> str:
        file = folder / match["name"]
        if not file.exists():
            raise UsageError(f"{PAGE} names {file}, which does not exist; measure it with --out {file}")
        content = json.loads(file.read_text(encoding="utf-8"))
        measured = content["machine"]
        of = f"{measured['processor']}, {measured['cores']} cores, torch {measured['torch']}, {measured['date']}"
        return f"<!-- {match['name']} -->\n\n{TABLES[content['kind']](content['figures'])}\n\n({of})\n\n<!-- end -->"

    return MARK.sub(table, text)


def write_page() -> None:
    """Write the tables of docs/performance.md anew from the files in docs/performance."""
    file = project_folder() / PAGE
    if not file.is_file():
        raise UsageError(f"page: this writes {PAGE} of a clone, and {project_folder()} is none")
    file.write_text(page(file.read_text(encoding="utf-8"), project_folder() / FOLDER), encoding="utf-8")
    print(f"wrote {PAGE}")
