from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.benchmark import report
from mmmim.errors import UsageError

ROOT = Path(__file__).parents[2]


def test_the_page_shows_the_kept_figures() -> None:
    text = (ROOT / report.PAGE).read_text(encoding="utf-8")
    assert report.page(text, ROOT / report.FOLDER) == text
    assert report.MARK.search(text)


def test_a_table_stands_between_its_marks(tmp_path: Path) -> None:
    report.show("eval", dict(features=dict(cpu_s=2.0, wall_s=1.0, images_per_s=500.0)), {}, tmp_path / "a.json")
    text = report.page("before\n<!-- a.json -->\nold\n<!-- end -->\nafter", tmp_path)
    assert "| features | 2.00 | 1.00 | 500 |" in text and "old" not in text
    assert text.startswith("before\n<!-- a.json -->") and text.endswith("<!-- end -->\nafter")
    with pytest.raises(UsageError, match=r"b\.json, which does not exist; measure it with --out"):
        report.page("<!-- b.json -->\n<!-- end -->", tmp_path)
