from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mmmim.launch.run_record import RunRecord
from mmmim.report.page import render, write_report
from mmmim.report.pictures import Grid
from mmmim.report.run_folder import RunFolder
from mmmim.visualization.grid import Column

VOID = ("meta", "br", "img", "link", "hr", "use", "path")


class Outline(HTMLParser):
    """What a browser would load, the ids, the targets of links, and tags that are left open."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.alternatives: list[str | None] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.loaded += [str(found[name]) for name in ("src", "xlink:href") if name in found]
        self.ids += [str(found["id"])] if "id" in found else []
        self.targets += [str(found["href"])] if tag == "a" else []
        self.alternatives += [found.get("alt")] if tag == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    assert found.open == []
    return found


def test_a_page_needs_nothing_beside_itself(run: RunFolder, tmp_path: Path) -> None:
    file = write_report([run], tmp_path / "below" / "report.html", source="toy", num=2)
    text = file.read_text(encoding="utf-8")
    page = outline(text)
    assert all(address.startswith(("data:image/", "#")) for address in page.loaded)
    assert "<script" not in text and "http" not in re.sub(r"<pre.*?</pre>|<svg.*?</svg>", "", text, flags=re.S)
    assert len(page.alternatives) >= 20 and all(page.alternatives)
    assert {target.removeprefix("#") for target in page.targets} <= set(page.ids)
    headings = [each for each in page.ids if not each.startswith(("m", "p"))]
    assert len(headings) == len(set(headings))


def test_what_a_run_or_a_checkpoint_says_is_no_markup(run: RunFolder) -> None:
    hostile = "<script>alert(1)</script>"
    record = RunRecord(hostile, config=hostile, facts={hostile: hostile}, versions={hostile: hostile}, commit=hostile)
    training = tuple({**logged, f"loss{hostile}": 1.0} for logged in run.training)
    results = {"knn": {"pretrained": {hostile: 1}}}
    changed = dataclasses.replace(run, name=hostile, starts=(record,), training=training, bad_files=(hostile,))
    changed = dataclasses.replace(changed, results=results)
    image = np.zeros((4, 4, 3), dtype=np.float32)
    text = render([changed], {hostile: [hostile, Grid(hostile, [Column(hostile, [image])], hostile)]}, hostile)
    assert "<script" not in text and text.count("&lt;script&gt;") > 10
    outline(text)


def test_a_run_that_has_only_begun_has_a_page(tmp_path: Path) -> None:
    text = render([RunFolder(tmp_path, "begun")], {})
    assert text.count("Nothing has been logged yet.") == 2 and "left neither its command nor its config" in text
    outline(text)


def test_scores_have_a_bar_that_says_its_ends() -> None:
    scores = Column("score", [np.array([[0.0, 1.0], [0.5, 0.25]])])
    share = Column("share", [np.array([[0.0, 1.0]])], limits=(0.0, 1.0))
    picture = Column("picture", [np.zeros((2, 2, 3))])
    grid = Grid("Scores", [picture, scores, share], "")
    text = render([RunFolder(Path(), "a")], {"a": [grid]})
    assert text.count('class="bar"') == 2
    assert "<span>lowest</span><span>highest</span>" in text and "<span>0</span><span>1</span>" in text


@pytest.mark.parametrize("side", [16, 300])
def test_large_images_are_made_small(side: int) -> None:
    noise = np.random.default_rng(0).random((side, side, 3))
    text = render([RunFolder(Path(), "a")], {"a": [Grid("t", [Column("c", [noise])], "")]})
    assert ("data:image/png" in text) == (side == 16) and len(text) < 120_000
