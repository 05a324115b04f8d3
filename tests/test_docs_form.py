"""What Markdown pages have to keep to so that they read well on the site as on GitHub, beyond what generators check."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import yaml
from check_links import answer, external_links
from draw_figures import described, draw, main
from markdown_commands import prose, tracked_pages

ROOT = Path(__file__).resolve().parents[1]
PAGES = tracked_pages(ROOT)
each_page = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
ITEM = re.compile(r"\s*([-*]|\d+\.) ")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


@each_page
def test_a_list_stands_after_an_empty_line(page: Path) -> None:
    """GitHub makes a list of lines that follow a paragraph directly, Python-Markdown does not."""
    lines = prose(page.read_text(encoding="utf-8")).splitlines()
    pairs = enumerate(itertools.pairwise(lines), 2)
    wrong = [n for n, (a, b) in pairs if ITEM.match(b) and a.strip() and not ITEM.match(a) and not a.startswith("  ")]
    assert not wrong, f"lines {wrong} need an empty line before them"


@each_page
def test_images_say_what_they_show(page: Path) -> None:
    for alt, target in IMAGE.findall(prose(page.read_text(encoding="utf-8"))):
        description = (page.parent / target).with_suffix(".yml")
        assert alt, f"{target} has no text for readers who do not see it"
        if description.is_file():
            assert alt == " ".join(yaml.safe_load(description.read_text(encoding="utf-8"))["alt"].split())


@pytest.mark.parametrize("address", external_links())
def test_external_links_are_well_formed(address: str) -> None:
    assert re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]{2,}(/[^\s<>\"]*[^\s<>\".,;])?", address)
    assert not re.search(r"arxiv\.org/(?!abs/)", address), "link the page of an arXiv paper, not a file"


def test_figures_are_as_described() -> None:
    assert main(["--check"]) == 0
    assert {path.stem for path in (ROOT / "docs/figures").glob("*.svg")} == set(described())


def test_a_figure_has_what_is_described() -> None:
    boxes = dict(a=dict(at=[0, 0], picture="visible", title="x < y"), b=dict(at=[1, 1], kind="loss", title="loss"))
    svg = draw(dict(alt='a "quoted" text', boxes=boxes, arrows=[["a", "b", "along", "dashed"]]))
    assert "x &lt; y" in svg and svg.count('class="hidden"') == 27  # three quarters of 36 patches
    assert "aria-label='a \"quoted\" text'" in svg and "prefers-color-scheme: dark" in svg
    assert 'class="arrow dashed"' in svg and "no gradient flows back" in svg and "along" in svg


def test_a_page_that_nobody_serves_is_named() -> None:
    assert answer("http://127.0.0.1:9/", timeout=5).startswith("no answer")


def test_the_figure_of_the_layers_has_those_of_the_contract() -> None:
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("layers = [")[2].partition("]")[0]
    layers = [set(line.split(" | ")) for line in re.findall(r'"(.+)"', contract)]
    boxes = described()["layers"]["boxes"]
    rows = [{name for name, box in boxes.items() if box["at"][1] == row} for row in range(len(layers) - 1)]
    assert [{"__main__"}, *rows[:-1]] == layers[:-1]  # the last row has the modules of the ground
    assert set(boxes["ground"]["note"].split(", ")) == layers[-1]
