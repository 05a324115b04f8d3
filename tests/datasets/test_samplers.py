from __future__ import annotations

from itertools import islice

import pytest

from mmmim.datasets import EpochSampler, InfiniteEpochSampler


def _sampler(monkeypatch, cls, size, rank=0, world=1, **kwargs):
    monkeypatch.setattr("mmmim.datasets.samplers.get_dist_info", lambda: (rank, world))
    return cls(range(size), seed=3, **kwargs)


def test_epoch_is_a_permutation_and_epochs_differ(monkeypatch):
    sampler = _sampler(monkeypatch, EpochSampler, 50)
    first = list(sampler)
    assert sorted(k.index for k in first) == list(range(50))
    assert {(k.seed, k.epoch) for k in first} == {(3, 0)}
    sampler.set_epoch(1)
    second = list(sampler)
    assert [k.index for k in second] != [k.index for k in first]
    assert {k.epoch for k in second} == {1}
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_orders_of_neighbouring_seeds_and_epochs_do_not_coincide():
    """Seeding with seed + epoch, as MMEngine does, makes (3, 1) and (4, 0) the same order."""
    one, other = EpochSampler(range(50), seed=3), EpochSampler(range(50), seed=4)
    one.set_epoch(1)
    assert [k.index for k in one] != [k.index for k in other]


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("size", [48, 50])
def test_step_of_all_ranks_equals_step_of_one_process(monkeypatch, world, size):
    per_rank = 4
    whole = [k.index for k in _sampler(monkeypatch, EpochSampler, size)]
    ranks = [list(_sampler(monkeypatch, EpochSampler, size, r, world)) for r in range(world)]
    assert len({len(keys) for keys in ranks}) == 1
    padded = whole + whole[: len(ranks[0]) * world - size]
    for step in range(len(ranks[0]) // per_rank):
        batches = [keys[step * per_rank : (step + 1) * per_rank] for keys in ranks]
        rows = [batches[r][j].index for j in range(per_rank) for r in range(world)]
        assert rows == padded[step * per_rank * world : (step + 1) * per_rank * world]


def test_without_round_up_every_sample_is_seen_once(monkeypatch):
    keys = [list(_sampler(monkeypatch, EpochSampler, 10, r, 4, shuffle=False, round_up=False)) for r in range(4)]
    assert [len(k) for k in keys] == [3, 3, 2, 2]
    assert [k.index for k in keys[1]] == [1, 5, 9]
    assert sorted(k.index for ks in keys for k in ks) == list(range(10))


def test_more_ranks_than_samples(monkeypatch):
    for rank in range(5):
        keys = list(_sampler(monkeypatch, EpochSampler, 2, rank, 5, shuffle=False))
        assert [k.index for k in keys] == [rank % 2]


def test_start_continues_the_epoch_and_ends_with_it(monkeypatch):
    sampler = _sampler(monkeypatch, EpochSampler, 50, 1, 2)
    sampler.set_epoch(4)
    whole = list(sampler)
    sampler.set_epoch(4)
    sampler.set_start(7)
    assert list(sampler) == whole[7:]
    assert len(sampler) == 25
    sampler.set_epoch(5)
    assert len(list(sampler)) == 25
    sampler.set_start(25)
    assert list(sampler) == []


@pytest.mark.parametrize("start", [-1, 51])
def test_impossible_start(start):
    with pytest.raises(ValueError, match=f"num_consumed.*got {start}"):
        EpochSampler(range(50), seed=0).set_start(start)


def test_empty_dataset():
    with pytest.raises(ValueError, match="list has no samples"):
        EpochSampler([], seed=0)


def test_infinite_stream_is_epoch_after_epoch(monkeypatch):
    sampler = _sampler(monkeypatch, InfiniteEpochSampler, 10)
    keys = list(islice(sampler, 30))
    assert [k.epoch for k in keys] == [0] * 10 + [1] * 10 + [2] * 10
    for epoch in range(3):
        assert sorted(k.index for k in keys[epoch * 10 : epoch * 10 + 10]) == list(range(10))


def test_infinite_ranks_share_the_stream(monkeypatch):
    whole = list(islice(_sampler(monkeypatch, InfiniteEpochSampler, 10), 60))
    for rank in range(3):
        assert list(islice(_sampler(monkeypatch, InfiniteEpochSampler, 10, rank, 3), 20)) == whole[rank::3]


@pytest.mark.parametrize("consumed", [1, 10, 33])
def test_infinite_skip_is_the_tail(monkeypatch, consumed):
    whole = list(islice(_sampler(monkeypatch, InfiniteEpochSampler, 7, 1, 2), 60))
    sampler = _sampler(monkeypatch, InfiniteEpochSampler, 7, 1, 2)
    sampler.skip(consumed)
    assert list(islice(sampler, 60 - consumed)) == whole[consumed:]
