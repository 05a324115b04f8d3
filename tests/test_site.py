"""The documentation site: it builds without a warning, and its pages need nothing from elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from site_pages import ROOT, SiteFolder, notebook_page, outside_blocks, site_pages

if sys.version_info < (3, 11):
    pytest.skip("the site generator needs Python 3.11", allow_module_level=True)

import tomllib
from build_site import CONFIG, build
from built_site import built_site, moved_config

FRAGMENTS = "docs/results/"  # tables that docs/results.md shows
LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


def settings() -> dict[str, Any]:
    return tomllib.loads(CONFIG.read_text(encoding="utf-8"))["project"]


def named_in(nav: Any) -> Iterator[str]:
    for value in nav.values() if isinstance(nav, dict) else nav:
        if isinstance(value, str):
            yield value
        else:
            yield from named_in(value)


class Loaded(HTMLParser):
    """Collects what a page loads, and its mermaid diagrams, which would fetch their program."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in LOADING and given.get("rel") not in ("canonical", "next", "prev"):
            self.addresses.append(given.get(LOADING[tag]) or "")
        if "mermaid" in (given.get("class") or "").split():
            self.addresses.append("https://mermaid")


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    site = built_site(tmp_path)
    built = sorted(site.rglob("*.html"))
    assert len(built) > len(site_pages())  # configs have pages, too
    for page in built:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        outside = [address for address in loaded.addresses if re.match(r"(https?:)?//", address)]
        assert not outside, f"{page.relative_to(site)} loads {outside}"
    reference = (site / "docs/reference/python/index.html").read_text(encoding="utf-8")
    assert 'id="mmmim.apis.training.train"' in reference and ":class:" not in reference


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[a](other.md)", "page does not exist"),
        ("[a](#nothing)", "anchor does not exist"),
        ("::: mmmim.apis.no_such_function", "no_such_function"),
    ],
)
def test_what_leads_nowhere_is_an_error(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "pages/docs").mkdir(parents=True)
    (tmp_path / "pages/docs/site.css").write_text("", encoding="utf-8")
    (tmp_path / "pages/index.md").write_text(f"# Page\n\n{text}\n", encoding="utf-8")
    assert complaint in build(moved_config(tmp_path, nav=False))


def test_the_navigation_has_every_page() -> None:
    named = set(named_in(settings()["nav"]))
    pages = {page.as_posix() for page in site_pages() if not page.as_posix().startswith(FRAGMENTS)}
    assert pages - named == set()
    assert {name for name in named - pages if not (ROOT / name.removesuffix(".md")).is_file()} == set()


def test_links_to_code_notebooks_and_folders_get_pages(tmp_path: Path) -> None:
    folder = SiteFolder(tmp_path)
    folder.write()
    text = (tmp_path / "configs/mae/README.md").read_text(encoding="utf-8")
    assert "[`vit-b_800e.py`](vit-b_800e.py.md)" in text and "](../../docs/figures/mae.svg)" in text
    shown = (tmp_path / "configs/mae/vit-b_800e.py.md").read_text(encoding="utf-8")
    assert (ROOT / "configs/mae/vit-b_800e.py").read_text(encoding="utf-8").rstrip() in shown
    assert (tmp_path / "docs/figures/mae.svg").is_file()
    assert "](ft_swin-b_192_100e_in1k.py.md)" in (tmp_path / "configs/simmim/downstream/files.md").read_text(
        encoding="utf-8"
    )
    assert "import mmmim" in (tmp_path / "docs/notebooks/quickstart.ipynb.md").read_text(encoding="utf-8")


def test_blocks_stay_as_they_are_and_references_open() -> None:
    text = "a\n\n```text\na <!-- ::: x -->\n```\n\n<!-- ::: mmmim.apis -->\na\n"
    assert outside_blocks(str.upper, text).startswith("A\n\n```text\na <!-- ::: x -->\n```\n\n")
    assert outside_blocks(str, text).endswith("\n::: mmmim.apis\na\n")


def test_a_notebook_as_a_page() -> None:
    cells = '[{"cell_type": "markdown", "source": ["# T\\n", "x"]}, {"cell_type": "code", "source": ["1 + 1"]}]'
    assert notebook_page(f'{{"cells": {cells}}}') == "# T\nx\n\n```python\n1 + 1\n```\n"


def test_what_a_page_loads_is_found() -> None:
    loaded = Loaded()
    loaded.feed('<script src="https://a.example/x.js"></script><a href="https://b.example">b</a><pre class="mermaid">')
    assert loaded.addresses == ["https://a.example/x.js", "https://mermaid"]


def test_pages_that_stay_the_same_are_left_alone(tmp_path: Path) -> None:
    folder = SiteFolder(tmp_path)
    folder.write()
    page, other = tmp_path / "docs/faq.md", tmp_path / "docs/methods.md"
    other.write_text("changed", encoding="utf-8")
    written = page.stat().st_mtime_ns
    folder.write()
    assert page.stat().st_mtime_ns == written and other.read_text(encoding="utf-8") != "changed"
