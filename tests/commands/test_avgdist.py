"""tools/analysis/avgdist.py against independently computed means, and what it writes."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mmmim.commands.avgdist import main
from mmmim.commands.work import avgdist as tool

ROOT = Path(__file__).parents[2]
RATIOS = [tenths / 10 for tenths in range(1, 10)]
# Means over 4000, 2000, 400, 200 masks of 192 pixels, with a standard error of at most 0.33 %; cells of 64: all masks.
RANDOM_192 = {
    4: (1.322, 1.397, 1.496, 1.631, 1.815, 2.080, 2.501, 3.245, 5.059),
    8: (2.080, 2.262, 2.476, 2.754, 3.148, 3.694, 4.566, 6.082, 9.958),
    16: (3.782, 4.149, 4.634, 5.226, 6.031, 7.265, 9.020, 12.44, 20.52),
    32: (7.71, 8.69, 9.56, 11.06, 12.52, 15.37, 19.99, 26.16, 46.24),
}
RANDOM_64 = (17.0955, 19.4653, 22.0205, 25.2106, 29.6015, 36.2761, 47.3145, 68.5981)
BLOCK_192 = {16: {0.4: 18.9, 0.6: 25.5, 0.8: 37.0}, 32: {0.4: 22.2, 0.6: 30.6, 0.8: 46.3}}  # each ± 0.15
SQUARE_192 = {2: 14.156875, 3: 22.502170, 4: 33.686632}


def assert_close(entry: Any, value: float, error: float) -> None:
    spread = math.hypot(entry.error, error)
    assert abs(entry.mean - value) < 4 * spread, (
        f"{entry}: expected {value}, {abs(entry.mean - value) / spread:.1f} sigma"
    )


@pytest.mark.parametrize(("cell", "masks"), [(4, 10), (8, 20), (16, 100), (32, 300)])
@pytest.mark.parametrize("ratio", [0.1, 0.6, 0.9])
def test_random_masks(cell: int, masks: int, ratio: float) -> None:
    value = RANDOM_192[cell][RATIOS.index(ratio)]
    assert_close(tool.measure(192, "random", cell, ratio, masks), value, 0.0033 * value)


@pytest.mark.parametrize(("ratio", "value"), list(zip(RATIOS[:8], RANDOM_64, strict=True)))
def test_large_cells_are_computed_exactly(ratio: float, value: float) -> None:
    entry = tool.measure(192, "random", 64, ratio)
    assert entry.mean == pytest.approx(value, abs=5e-5)
    assert entry.error == 0 and entry.masks == math.comb(9, math.ceil(9 * ratio))


@pytest.mark.parametrize(("side", "value"), list(SQUARE_192.items()))
def test_squares_are_computed_exactly(side: int, value: float) -> None:
    entry = tool.measure(192, "square", 32, side)
    assert entry.mean == pytest.approx(value, abs=5e-7)
    assert (entry.masks, entry.ratio) == ((7 - side) ** 2, side**2 / 36)


@pytest.mark.parametrize("cell", BLOCK_192)
def test_block_masks(cell: int) -> None:
    assert_close(tool.measure(192, "block", cell, 0.6, 300), BLOCK_192[cell][0.6], 0.15)


@pytest.mark.slow
@pytest.mark.parametrize("cell", RANDOM_192)
def test_full_table(cell: int) -> None:
    for ratio, value in zip(RATIOS, RANDOM_192[cell], strict=True):
        assert_close(tool.measure(192, "random", cell, ratio), value, 0.0033 * value)
    for ratio, value in BLOCK_192.get(cell, {}).items():
        assert_close(tool.measure(192, "block", cell, ratio, 3000), value, 0.15)


@pytest.mark.slow
def test_full_table_at_224() -> None:
    assert_close(tool.measure(224, "random", 32, 0.6), 15.07, 0.05)
    assert_close(tool.measure(224, "random", 16, 0.6), 7.11, 0.01)


def test_masks_of_a_seed_repeat() -> None:
    first, again, other = (tool.measure(192, "random", 32, 0.6, 20, seed) for seed in (0, 0, 1))
    assert first == again and first.mean != other.mean


def test_all_outputs(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["--masks", "3", "--cells", "32", "64", "--ratios", "0.4", "0.9", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr()
    assert "| cell | 0.4 | 0.9 |\n|---|---|---|\n| 32 | " in out.out and "| 64 | 25.211 | nothing visible |" in out.out
    assert "| cell | 0.11 | 0.25 | 0.44 |" in out.out and "224 pixels are no multiple of cells of 64" in out.err
    assert (tmp_path / "avgdist.md").read_text(encoding="utf-8").strip() in out.out
    rows = list(csv.DictReader((tmp_path / "avgdist.csv").open(encoding="utf-8")))
    assert len(rows) == (2 * 2 + 2 * 2 + 3) + (2 + 2 * 2 + 3)
    exact = next(row for row in rows if (row["cell"], row["ratio"]) == ("64", "0.4"))
    assert (float(exact["mean"]), exact["masks"]) == (pytest.approx(25.2106, abs=5e-5), "126")
    for name in ("avgdist_192.png", "avgdist_224.png", "accuracy_192.png"):
        assert Image.open(tmp_path / name).width > 500


def test_published_accuracies_are_those_of_table_1() -> None:
    wanted = [("random", cell, ratio) for cell in (4, 8, 16, 32, 64) for ratio in RATIOS]
    wanted += [("block", cell, ratio) for cell in (16, 32) for ratio in RATIOS]
    wanted += [("square", 32, side**2 / 36) for side in (2, 3, 4)]
    entries = [tool.Entry(192, *each, mean=1.0, error=0.0, masks=1) for each in wanted]
    found = {(e.strategy, e.cell, round(e.ratio, 2)): top1 for e, top1 in tool.published_accuracies(entries)}
    assert len(found) == 29
    assert found["random", 32, 0.5] == max(found.values()) == 83.0
    assert (found["random", 4, 0.4], found["block", 32, 0.8], found["square", 32, 0.44]) == (81.9, 82.5, 82.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ratios", "1.5"], "mask_ratio=1.5"),
        (["--squares", "7", "--cells"], "side=7 cells is larger than the grid of 6x6"),
    ],
)
def test_mistakes_end_with_a_message(options: list[str], message: str, tmp_path: Path, capsys) -> None:
    assert main(["--masks", "2", "--sizes", "192", "--block-cells", "--out", str(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err
