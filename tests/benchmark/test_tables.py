from __future__ import annotations

from mmmim.benchmark import step
from mmmim.benchmark.rounds import Timing
from mmmim.benchmark.tables import step_table, timing_table
from mmmim.benchmark.turns import Contender, StepCost


def test_the_last_row_is_the_reference() -> None:
    ours, other = (Contender(name, lambda: None, 1, 1, 1) for name in ("mmmim", "mmpretrain"))  # type: ignore[arg-type,return-value]
    ours.seconds, ours.cpu_seconds, ours.cost = [3.0, 1.0, 2.0], [1.0], StepCost(6e9, 2e6, 10)
    other.seconds, other.cpu_seconds, other.cost = [4.0, 4.0, 2.0], [2.0], StepCost(8e9, 4e6, 10)
    rows = {each.name: step.figures(each, batch=4) for each in (ours, other)}
    assert rows["mmmim"]["images_per_s"] == 2.0 and rows["mmmim"]["min_s"] == 1.0
    printed = step_table(rows)
    assert "| mmmim | 2.000 | 2.000 | 1.000 | 6.000 | 2.000 |" in printed
    assert "| mmmim / mmpretrain | 2.000 | 0.500 | 0.500 | 0.750 | 0.500 |" in printed


def test_a_ratio_above_one_is_faster_than_the_reference() -> None:
    timings = {"mmmim, files": Timing(1, [1.0], [1.0]), "mmpretrain, pillow": Timing(1, [2.0], [2.0])}
    table = timing_table({name: each.as_dict() for name, each in timings.items()}, "image")
    assert "| mmmim, files | 1000.000 | 1 | 0.0% | 2.00 |" in table
