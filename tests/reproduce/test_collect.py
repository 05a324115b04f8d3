from __future__ import annotations

import pytest

from mmmim.reproduce.collect import cell


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], ""),
        ([61.25], "61.2"),
        ([60.0, 62.0], "61.0 ± 1.4 (of 2)"),
        ([60.0, 61.0, 62.0], "61.0 ± 1.0"),
        ([0.0], "0.0"),
    ],
)
def test_cells(values: list[float], text: str) -> None:
    assert cell(values, seeds=3) == text
