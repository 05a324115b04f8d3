from __future__ import annotations

from torch.utils.data import get_worker_info

from mmmim.benchmark.rounds import Timing, in_turns, measure_in_worker


def test_turns_change_their_order_and_begin_with_a_warm_up() -> None:
    assert "".join(in_turns("ab", 3)) == "ab" + "ba" + "ab" + "ba"


def test_the_median_is_of_one_item_and_the_spread_of_all_rounds() -> None:
    timing = Timing(10, cpu=[2.0, 1.0, 4.0], wall=[9.0, 9.0, 9.0])
    assert timing.median == 0.2 and timing.spread == 1.5
    assert timing.as_dict()["per_second"] == 5.0 and timing.as_dict()["median_ms"] == 200.0


def test_work_is_done_in_a_worker_and_the_warm_up_does_not_count() -> None:
    def work(index: int) -> None:
        if get_worker_info() is None:
            raise RuntimeError("not in a worker")

    timings = measure_in_worker({"nothing": lambda index: None, "work": work}, items=4, rounds=3)
    assert [len(each.cpu) for each in timings.values()] == [3, 3]
