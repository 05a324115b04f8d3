from __future__ import annotations

import datetime
from importlib.metadata import version

from mmmim.benchmark import facts


def test_a_figure_comes_with_the_day_the_machine_and_its_versions() -> None:
    machine = facts.machine()
    assert datetime.date.fromisoformat(machine["date"]) and machine["cores"] >= 1 and machine["processor"]
    assert machine["torch"] == version("torch") and machine["timm"] == version("timm")
