"""Numbers that follow from configs: FLOP, and the relative time of whole pre-trainings from measured steps."""

from __future__ import annotations

import json

import pytest
from cost_tables import TABLE, TOY

from mmmim.errors import UsageError
from mmmim.reproduce import timing
from mmmim.reproduce.tables import Row, Table


def test_relative_cost_is_step_time_by_epochs(values, monkeypatch: pytest.MonkeyPatch) -> None:
    assert values("longer", "cost") is None  # not measured
    taken: dict[str, list[float]] = {}

    def time_in_turns(steps: dict[str, timing.Step], rounds: int) -> dict[str, float]:
        for step in steps.values():
            step()
        taken["seconds"] = [1.0 * number for number in range(2, 2 + len(steps))]
        return dict(zip(steps, taken["seconds"], strict=True))

    monkeypatch.setattr(timing, "time_in_turns", time_in_turns)
    stored = json.loads(timing.time_rows("mae", TABLE, 2).read_text(encoding="utf-8"))
    assert taken["seconds"] == [2.0, 3.0]  # rows that differ in length share a step
    assert stored["seconds"] == {"toy": 1.0, "longer": 1.0, "half-the-decoder": 1.5} and stored["images"] == 2
    epochs = timing.read(*timing.source("mae", TABLE.row("toy"))).train_cfg.max_epochs
    assert values("toy", "cost") == 1.0
    assert values("longer", "cost") == pytest.approx(48 / epochs)
    assert values("half-the-decoder", "cost") == pytest.approx(1.5)


def test_steps_are_timed_in_turns_after_two_rounds_of_warm_up() -> None:
    order: list[str] = []
    steps = {name: lambda name=name: order.append(name) for name in "ab"}
    assert set(timing.time_in_turns(steps, rounds=3)) == {"a", "b"}
    assert order == ["b", "a", "a", "b", "b", "a", "a", "b", "b", "a"]


def test_a_table_without_costs_is_refused() -> None:
    with pytest.raises(UsageError, match="--time 2: t has no row whose relative cost could be measured"):
        timing.time_rows("mae", Table("t", "T", "none", (), (Row("toy", TOY),)), 2)
