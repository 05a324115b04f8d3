from __future__ import annotations

from collections import Counter

import pytest
import torch
from timm.data.distributed_sampler import RepeatAugSampler

from mmmim.datasets import EpochSampler, RepeatedAugSampler, ToyImages


@pytest.fixture
def sampler(monkeypatch):
    def build(size, rank=0, world=1, cls=RepeatedAugSampler, **options):
        monkeypatch.setattr("mmmim.datasets.samplers.get_dist_info", lambda: (rank, world))
        return cls(range(size), seed=3, **options)

    return build


@pytest.mark.parametrize("repeats", [1, 2, 3])
@pytest.mark.parametrize("world", [1, 2, 3, 8])
@pytest.mark.parametrize("size", [5, 100, 255, 256, 700, 1000])
def test_selection_is_timms(sampler, size, world, repeats):
    whole = 256 if size >= 256 else 0  # older timm has empty epochs where they are shorter than what it rounds to
    for rank in range(world):
        ours = sampler(size, rank, world, shuffle=False, num_repeats=repeats)
        theirs = RepeatAugSampler(range(size), world, rank, shuffle=False, num_repeats=repeats, selected_round=whole)
        assert [key.index for key in ours] == list(theirs)
        assert len(ours) == len(theirs) == len(list(ours))


def test_sizes_of_imagenet():
    assert 1_281_167 // 256 * 256 == 1_281_024  # a 256 times whole epoch
    images = range(1_281_167)
    assert len(RepeatedAugSampler(images, seed=0)) == 1_281_024
    assert len(RepeatAugSampler(images, 8, 0)) * 8 == 1_281_024


def test_an_image_comes_three_times_with_three_keys(sampler):
    ranks = [list(sampler(700, rank, 4)) for rank in range(4)]
    stream = [ranks[place % 4][place // 4] for place in range(4 * len(ranks[0]))]
    assert len(stream) == 512
    counts = Counter(key.index for key in stream)
    assert len(counts) == 171 and set(counts.values()) <= {2, 3}  # 512 = 170 * 3 + 2
    assert len(set(stream)) == 512  # no key twice
    for begin in range(0, 510, 3):
        assert len({key.index for key in stream[begin : begin + 3]}) == 1
    whole = sampler(700, cls=EpochSampler)
    assert stream[::3] == list(whole)[:171]  # the first of each is the sample without repeats


def test_step_of_all_ranks_equals_step_of_one_process(sampler):
    one = list(sampler(600))
    ranks = [list(sampler(600, rank, 2)) for rank in range(2)]
    assert [ranks[place % 2][place // 2] for place in range(len(one))] == one


def test_epochs_seeds_and_resume(sampler):
    first = sampler(300)
    keys = list(first)
    assert list(first) == keys
    first.set_epoch(1)
    assert list(first) != keys and {key.epoch for key in first} == {1}
    later = list(first)
    first.set_start(7)
    assert list(first) == later[7:] and len(first) == 256
    first.set_epoch(0)
    assert list(first) == keys
    with pytest.raises(ValueError, match="num_consumed"):
        first.set_start(257)


def test_repeats_are_augmented_otherwise_and_reproducibly():
    data = ToyImages(num_images=9, img_size=16, transforms=[dict(type="RandomResizedCrop", size=8)])
    keys = list(RepeatedAugSampler(data, seed=5))
    samples = [data[key] for key in keys]
    assert [sample["indices"] for sample in samples] == [keys[place // 3 * 3].index for place in range(9)]
    crops = [sample["inputs"] for sample in samples]
    assert not any(crops[0].equal(crop) for crop in crops[1:3]) and not crops[1].equal(crops[2])
    again = [data[key]["inputs"] for key in RepeatedAugSampler(data, seed=5)]
    assert all(torch.equal(a, b) for a, b in zip(crops, again, strict=True))


@pytest.mark.parametrize("options", [dict(num_repeats=0), dict(selected_round=0)])
def test_bad_options(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}=0 must be at least 1"):
        RepeatedAugSampler(range(9), seed=0, **options)
