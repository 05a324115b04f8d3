"""Lay out the Markdown pages of the repository for the site generator, so that every link works there as on GitHub."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/helpers"))

from markdown_commands import FENCE, tracked_pages  # noqa: E402

SHOWN = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/", "configs/", "projects/")
ABOUT_FILES = "docs/README.md"  # for those who browse the folder
LINK = re.compile(r"(`[^`\n]+`)|(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")  # inline code is skipped
REFERENCE = re.compile(r"^<!-- (::: \S+) -->$", re.M)  # where mkdocstrings puts what it reads from the code
PICTURES = {".svg", ".png"}
STYLE = Path("docs/site.css")
LANGUAGES = {".py": "python", ".sh": "bash", ".yml": "yaml", ".json": "json", ".csv": "text", ".toml": "toml"}
UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"


def site_pages(root: Path = ROOT) -> list[Path]:
    """Return the pages of the site, below ``root``."""
    pages = [page.relative_to(root) for page in tracked_pages(root)]
    return [page for page in pages if page.as_posix().startswith(SHOWN) and page.as_posix() != ABOUT_FILES]


class SiteFolder:
    """A folder that holds the pages under their paths in the repository, and what they link to.

    Pictures are copied. A file of code, a notebook and a folder get a page of their own, ``FILE.md`` and
    ``FOLDER/files.md``, and the links lead there.
    """

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self.folder, self.root = folder, root
        self.pages = site_pages(root)
        self.made: set[Path] = set()

    def write(self) -> None:
        """Write the pages that are not there as they should be."""
        self.made.clear()
        self._copy(STYLE)
        for page in self.pages:
            self._put(page, outside_blocks(self._links_of(page), (self.root / page).read_text(encoding="utf-8")))

    def _copy(self, file: Path) -> None:
        (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.root / file, self.folder / file)

    def _put(self, page: Path, text: str) -> None:
        place = self.folder / page
        if not place.is_file() or place.read_text(encoding="utf-8") != text:  # a server looks at what changes
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")

    def _links_of(self, page: Path) -> Callable[[str], str]:
        def change(text: str) -> str:
            return LINK.sub(lambda match: match[1] or self._target(page, match[2]) + (match[3] or ""), text)

        return change

    def _target(self, page: Path, link: str) -> str:
        """Return where a link leads to on the site, and see to it that this exists."""
        if re.match(r"[a-z]+:", link):
            return link
        path = (self.root / page.parent / link).resolve()
        place = path.relative_to(self.root)
        if path.suffix == ".md":
            return link
        if path.suffix in PICTURES:
            self._copy(place)
            return link
        if path.is_dir():
            self._once(place / "files.md", lambda: self._listing(place))
            return f"{link.rstrip('/')}/files.md"
        self._once(place.with_name(f"{place.name}.md"), lambda: self._shown(place))
        return f"{link}.md"

    def _once(self, page: Path, text: Callable[[], str]) -> None:
        if page not in self.made:
            self.made.add(page)
            self._put(page, text())

    def _listing(self, place: Path) -> str:
        page = place / "files.md"
        files = sorted(path for path in (self.root / place).iterdir() if path.is_file() and path.name[0] not in "._")
        lines = [f"- [`{file.name}`]({self._target(page, file.name)})" for file in files]
        return f"{UNSEARCHED}# `{place.as_posix()}`\n\n" + "\n".join(lines) + "\n"

    def _shown(self, place: Path) -> str:
        text = (self.root / place).read_text(encoding="utf-8")
        if place.suffix == ".ipynb":
            return notebook_page(text)
        language = LANGUAGES.get(place.suffix, "text")
        return f"{UNSEARCHED}# `{place.as_posix()}`\n\n`````{language}\n{text.rstrip()}\n`````\n"


def outside_blocks(change: Callable[[str], str], text: str) -> str:
    """Return a page with its text changed, its fenced blocks as they are, and the places for mkdocstrings open."""
    parts, start = [], 0
    for block in FENCE.finditer(text):
        parts += [change(text[start : block.start()]), block[0]]
        start = block.end()
    return REFERENCE.sub(r"\1", "".join([*parts, change(text[start:])]))


def notebook_page(text: str) -> str:
    """Return the cells of a notebook as a page."""
    cells = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        cells.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    return "\n\n".join(cells) + "\n"
