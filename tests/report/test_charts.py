from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from mmmim.report.charts import COLOURS, Line, by_epoch, line_chart, number


def test_a_chart_has_the_colours_of_the_page_and_a_line_its_own() -> None:
    lines = [Line(f"run {index}", [1, 2, 3], [3.0, 2.0, 1.0], index) for index in (0, 3, COLOURS)]
    chart = line_chart("Loss", lines, "epoch")
    colours = re.findall(r"stroke: var\(--series-(\d)\); stroke-width: 1.6", chart.svg)
    assert set(colours) == {"1", "4"} and "currentColor" in chart.svg
    assert set(re.findall(r"#[0-9a-f]{6}\b", chart.svg)) <= {"#000000"}
    for outside in ("<style", "font-family", "http", "<metadata"):
        assert outside not in chart.svg
    ElementTree.fromstring(chart.svg.replace("xlink:href", "href"))


def test_a_chart_is_told_in_words_and_as_a_table() -> None:
    chart = line_chart("Loss", [Line("mae", [1, 2, 4], [2.5, 1.25, 0.00012345])], "epoch")
    assert chart.description == "mae from 2.5 at epoch 1 to 0.0001234 at 4"
    assert chart.header == ("epoch", "mae") and chart.rows == (("1", "2.5"), ("2", "1.25"), ("4", "0.0001234"))


def test_long_runs_are_thinned_to_means_and_to_some_rows() -> None:
    steps = list(range(1, 5001))
    chart = line_chart("lr", [Line("a", steps, [float(step) for step in steps])], "iteration")
    assert len(chart.svg) < 60_000 and len(chart.rows) == 10
    assert chart.rows[0] == ("1", "1") and chart.rows[-1] == ("5000", "5000")


def test_values_that_are_not_finite_leave_a_gap() -> None:
    chart = line_chart("Loss", [Line("a", [1, 2, 3], [1.0, math.nan, math.inf])], "epoch")
    assert "nan" not in re.sub(r"<text.*?</text>", "", chart.svg) and chart.rows[1] == ("2", "nan")


@pytest.mark.parametrize(
    ("epochs", "expected"), [((1, 1, 2), ([1, 2], [3.0, 2.0])), ((1, 1, 1), ([5, 6, 7], [4, 2, 2]))]
)
def test_records_become_means_of_epochs(epochs: tuple[int, ...], expected: tuple[list[float], list[float]]) -> None:
    values = zip(epochs, (5, 6, 7), (4.0, 2.0, 2.0), strict=True)
    assert by_epoch([dict(epoch=e, iter=i, loss=loss) for e, i, loss in values] + [dict(iter=9)], "loss") == expected


def test_numbers_have_the_digits_that_count() -> None:
    assert [number(value) for value in (0.00012345, 1.5, 12345.6, math.inf)] == ["0.0001234", "1.5", "12,346", "inf"]
