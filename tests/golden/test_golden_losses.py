"""The toy configs still give the stored losses of their first 20 steps; `make golden` renews them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import golden_losses


@pytest.mark.parametrize("config", golden_losses.toy_configs(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_first_steps(config: Path) -> None:
    stored = json.loads(golden_losses.golden_file(config).read_text())
    assert {len(values) for values in stored.values()} == {golden_losses.STEPS}
    assert not golden_losses.differences(golden_losses.first_losses(config), stored)


def test_no_stored_losses_without_config() -> None:
    stored = set(golden_losses.FOLDER.glob("*.json"))
    assert stored == {golden_losses.golden_file(config) for config in golden_losses.toy_configs()}


@pytest.mark.parametrize(
    "now, said",
    [
        (dict(loss=[1.0, 2.0]), ""),
        (dict(loss=[1.0, 2.0000001]), ""),
        (dict(loss=[1.0, 2.001]), "loss: 2.001 at step 1, stored is 2 "),
        (dict(loss=[1.0, float("nan")]), "loss: nan at step 1"),
        (dict(loss=[1.0]), "loss: 1 steps computed, 2 stored"),
        (dict(loss=[1.0, 2.0], extra=[1.0, 1.0]), "extra: only computed"),
        (dict(), "loss: only stored"),
    ],
)
def test_differences(now: dict, said: str) -> None:
    found = golden_losses.differences(now, dict(loss=[1.0, 2.0]))
    assert (said in found[0]) if said else not found
