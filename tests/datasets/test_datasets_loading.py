"""Samples as the Runner's dataloaders give them: a function of (seed, epoch, index) and of nothing else."""

from __future__ import annotations

import pytest
import torch
from mmengine.runner import Runner

CROP = [
    dict(type="RandomResizedCrop", size=24, scale=(0.2, 1.0), interpolation="bicubic"),
    dict(type="RandomHorizontalFlip"),
    dict(type="RandAugment", policy="rand-m9-mstd0.5-inc1", img_size=24),
]


def _loader(num_workers=0, seed=5, sampler="mmmim.EpochSampler", batch_size=4, persistent=False):
    return Runner.build_dataloader(
        dict(
            dataset=dict(type="mmmim.ToyImages", num_images=24, img_size=32, transforms=CROP),
            sampler=dict(type=sampler),
            collate_fn=dict(type="default_collate"),
            batch_size=batch_size,
            num_workers=num_workers,
            persistent_workers=persistent,
        ),
        seed=seed,
    )


def _epoch(loader, epoch, start=0):
    loader.sampler.set_epoch(epoch)
    loader.sampler.set_start(start)
    batches = list(loader)
    return {key: torch.cat([b[key] for b in batches]) for key in ("inputs", "labels", "indices")}


def _equal(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture(scope="module")
def reference():
    loader = _loader()
    return [_epoch(loader, e) for e in range(3)]


@pytest.mark.parametrize("num_workers, persistent", [(1, False), (2, False), (2, True)])
def test_number_of_workers_does_not_matter(reference, num_workers, persistent):
    loader = _loader(num_workers, persistent=persistent)
    for epoch in range(3):
        assert _equal(_epoch(loader, epoch), reference[epoch])


def test_a_restarted_process_goes_on_in_the_next_epoch(reference):
    assert _equal(_epoch(_loader(), 2), reference[2])


def test_epochs_crop_differently(reference):
    def image(epoch, index):
        return reference[epoch]["inputs"][reference[epoch]["indices"] == index][0]

    assert sum(torch.equal(image(0, i), image(1, i)) for i in range(24)) == 0


def test_batch_size_does_not_matter(reference):
    assert _equal(_epoch(_loader(batch_size=6), 1), reference[1])


def test_seeds_differ(reference):
    assert not torch.equal(_epoch(_loader(seed=6), 0)["indices"], reference[0]["indices"])


def test_resume_in_the_middle_is_the_tail(reference):
    tail = _epoch(_loader(2), 1, start=12)
    assert _equal(tail, {key: value[12:] for key, value in reference[1].items()})


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_together_are_one_process(reference, monkeypatch, world):
    parts = []
    for rank in range(world):
        monkeypatch.setattr("mmmim.datasets.samplers.get_dist_info", lambda rank=rank: (rank, world))
        parts.append(_epoch(_loader(batch_size=2), 1))
    together = {key: torch.stack([p[key] for p in parts], 1).flatten(0, 1) for key in parts[0]}
    assert _equal(together, reference[1])


def test_global_generators_are_not_disturbed():
    """What the model draws between two samples does not depend on how they were loaded."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    dataset = _loader().dataset
    dataset[0]
    assert torch.equal(torch.rand(3), expected)


def test_batch_is_uint8_with_labels_and_indices(reference):
    batch = next(iter(_loader()))
    assert batch["inputs"].shape == (4, 3, 24, 24) and batch["inputs"].dtype == torch.uint8
    assert type(batch["inputs"]) is torch.Tensor
    assert batch["labels"].tolist() == [i % 8 for i in batch["indices"].tolist()]


def test_infinite_sampler_in_the_runners_loader(reference):
    loader = _loader(sampler="mmmim.InfiniteEpochSampler", batch_size=24)
    batches = iter(loader)
    for epoch in range(3):
        assert _equal(next(batches), reference[epoch])
