"""A quick part of the drills: one fault of each kind, with the same code as ``make drill``."""

from __future__ import annotations

from pathlib import Path

import matrix
import pytest
import runs
import storage
from matrix import Cell, Outcome
from run import HEADER, OTHERS, row, total


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drill")


@pytest.mark.parametrize("moment", ["step", "half written", "SIGTERM"])
def test_a_run_that_is_ended_goes_on_bit_for_bit(folder: Path, moment: str) -> None:
    outcome = matrix.drill(folder, Cell("MAE", "epoch", 1, 1, moment))
    assert outcome[:2] == (0, 0) and outcome.note == "", outcome
    assert 0 <= outcome.redone_steps <= 6  # steps go on while a checkpoint is written, more of them on a busy machine


def test_the_storage_is_away_for_a_second(tmp_path: Path) -> None:
    assert storage.outage(tmp_path, 1.0)[:2] == (0, 0)


def test_a_data_worker_is_stopped(tmp_path: Path) -> None:
    assert storage.worker(tmp_path, "stopped")[:2] == (0, 0)


def test_a_loss_is_not_a_number(tmp_path: Path) -> None:
    assert runs.numbers(tmp_path, "loss", "nan")[:2] == (0, 0)


def test_the_matrix_has_all_its_sides() -> None:
    cells = matrix.cells()
    assert len(cells) == len(set(map(str, cells))) >= 40
    for name, values in dict(processes={1, 2}, accumulation={1, 2}, loop={"epoch", "iteration"}).items():
        assert {getattr(cell, name) for cell in cells} == values
    assert {cell.method for cell in cells} >= {"MAE", "ccMIM", "CIM"} and len({cell.moment for cell in cells}) >= 8


def test_a_lost_run_shows_in_the_table() -> None:
    outcomes = {"a": Outcome(0, 0, 2, 1.25), "b": Outcome(1, 3, 0, 0.0, "ended with other weights")}
    table = HEADER + "".join(row(name, each) for name, each in outcomes.items()) + total(outcomes)
    assert (
        "| b | 1 | 3 | 0 |  | ended with other weights |" in table
        and "| **2 faults** | **1** | **3** | **2** |" in table
    )
    assert len(OTHERS) >= 18
