from __future__ import annotations

import pytest

from mmmim.reproduce.remaining import Remaining, minutes

USUAL = dict(first=60.0, long=100.0, short=40.0, last=10.0)


@pytest.fixture
def remaining() -> Remaining:
    return Remaining(USUAL, alone=("first", "last"), lanes=2)


def test_before_the_start_it_is_what_the_stages_usually_take(remaining: Remaining) -> None:
    assert remaining.left() == 60 + 100 + 10  # the short one runs beside the long one


def test_a_slow_machine_is_told_by_the_first_stage_s_own_estimate(remaining: Remaining) -> None:
    remaining.progress("first", 30.0, "Epoch(train) [1][1/4] eta: 0:01:30  time: 1")
    assert remaining.left() == pytest.approx(90 + 2 * (100 + 10))


def test_lines_without_an_estimate_move_the_time_on(remaining: Remaining) -> None:
    remaining.progress("first", 20.0, "wrote something")
    assert remaining.left() == 40 + 100 + 10


def test_at_the_end_nothing_is_left(remaining: Remaining) -> None:
    for name, seconds in USUAL.items():
        remaining.finished(name, 2 * seconds)
    assert remaining.left() == 0


def test_a_stage_that_takes_longer_than_expected_is_about_to_end(remaining: Remaining) -> None:
    for name in ("first", "long", "short"):
        remaining.finished(name, USUAL[name])
    remaining.progress("last", 99.0, "")
    assert remaining.left() == 0


def test_many_short_stages_share_the_lanes() -> None:
    assert Remaining(dict.fromkeys("abcd", 10.0), lanes=2).left() == 20


def test_days_count() -> None:
    remaining = Remaining({"a": 1.0})
    remaining.progress("a", 0.0, "eta: 1 day, 1:00:01")
    assert remaining.left() == 90001 and minutes(90001) == "1500:01" and minutes(61.4) == "1:01"
