"""Four processes draw, degrade and hide what one process does with the whole batch, of which each owns every fourth."""

from __future__ import annotations

import copy
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from mmmim.models import degradations, maskers
from mmmim.models.degradations import (
    CenterInput,
    Degradation,
    DegradationSequence,
    Fisheye,
    HorizontalWave,
    PhotometricView,
    RandomKernelBlur,
    SaturationScale,
    ZoomIn,
    ZoomOut,
)
from mmmim.models.maskers import (
    BaseMasker,
    BlockMasker,
    CenterMasker,
    ImportanceMasker,
    RandomMasker,
    SquareMasker,
)

PROCESSES = 4
DEGRADATIONS = [
    CenterInput(24),
    DegradationSequence([SaturationScale(mode="random_gray"), ZoomOut(16, pad="other"), RandomKernelBlur(3)]),
    Fisheye(),
    HorizontalWave(),
    PhotometricView(),
    RandomKernelBlur(choices=[3, 5]),
    SaturationScale(),
    SaturationScale(mode="random_gray"),
    ZoomIn(16, location="random"),
    ZoomOut(16),
    ZoomOut(16, pad="other"),
    ZoomOut(choices=[16, 24], pad="other"),
]
MASKERS = [
    BlockMasker(0.6, min_block=3),
    BlockMasker(0.9, min_block=4, patience=10),  # images give up at different tries and are topped up at random
    BlockMasker(min_block=3, num_masked=(10, 40)),
    CenterMasker(4),
    ImportanceMasker(),
    RandomMasker(),
    RandomMasker(num_masked=(10, 40)),
    RandomMasker(cell_size=16, patch_size=8),
    SquareMasker(3),
]


def name_of(part: Any) -> str:
    return type(part).__name__


def in_process(rank: int, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``mmengine.dist`` tells every module of the models."""
    for name, module in list(sys.modules.items()):
        if name.startswith("mmmim.models"):
            for function, answer in (("get_rank", rank), ("get_world_size", processes)):
                if hasattr(module, function):
                    monkeypatch.setattr(module, function, lambda answer=answer: answer)


def every_part(package: Any, base: type, instances: list) -> bool:
    """Whether there is a case for each part of the package."""
    public = {name: getattr(package, name) for name in package.__all__ if isinstance(getattr(package, name), type)}
    parts = {n for n, part in public.items() if issubclass(part, base) and part.__module__ != base.__module__}
    return parts == {name_of(part) for part in instances}


def test_no_part_is_left_out() -> None:
    assert every_part(degradations, Degradation, DEGRADATIONS)
    assert every_part(maskers, BaseMasker, MASKERS)


@pytest.mark.parametrize("degradation", DEGRADATIONS, ids=name_of)
def test_degraded_images(degradation: Degradation, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(8, 3, 32, 32, dtype=torch.float64)

    def degraded(rank: int, processes: int) -> Tensor:
        in_process(rank, processes, monkeypatch)
        own = images[rank::processes]
        params = degradation.sample((32, 32), len(own), generator=torch.Generator().manual_seed(3))
        return degradation(own, **params)

    whole = degraded(0, 1)
    for rank in range(PROCESSES):
        torch.testing.assert_close(degraded(rank, PROCESSES), whole[rank::PROCESSES], rtol=0, atol=1e-12)


@pytest.mark.parametrize("masker", MASKERS, ids=name_of)
def test_masks(masker: BaseMasker, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = torch.randn(64, 196)

    def hidden(rank: int, processes: int) -> Tensor:
        in_process(rank, processes, monkeypatch)
        own = scores[rank::processes]
        return masker((14, 14), len(own), scores=own, generator=torch.Generator().manual_seed(3)).mask

    whole = hidden(0, 1)
    assert all(hidden(rank, PROCESSES).equal(whole[rank::PROCESSES]) for rank in range(PROCESSES))


def test_views_of_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mask and view one after the other from one generator, as ConMIM draws them."""
    images = torch.rand(8, 3, 32, 32, dtype=torch.float64)

    def drawn(rank: int, processes: int) -> tuple[Tensor, Tensor]:
        in_process(rank, processes, monkeypatch)
        own, generator = images[rank::processes], torch.Generator().manual_seed(3)
        mask = RandomMasker(num_masked=(10, 40))((8, 8), len(own), generator=generator).mask
        view = PhotometricView()
        return mask, view(own, **view.sample((32, 32), len(own), generator=generator))

    mask, view = drawn(0, 1)
    for rank in range(PROCESSES):
        own_mask, own_view = drawn(rank, PROCESSES)
        assert own_mask.equal(mask[rank::PROCESSES])
        torch.testing.assert_close(own_view, view[rank::PROCESSES], rtol=0, atol=1e-12)


def test_other_images_come_in_pairs_that_no_split_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    zoom, images = ZoomOut(16, pad="other"), torch.rand(6, 3, 32, 32)
    corner = dict(top=torch.zeros(6, dtype=torch.long), left=torch.zeros(6, dtype=torch.long))
    assert zoom(images, **corner)[:, :, -1].equal(images.roll(3, 0)[:, :, -1])
    three = copy.deepcopy({name: value[:3] for name, value in corner.items()})
    assert zoom(images[:3], **three)[:, :, -1].equal(images[[2, 0, 1]][:, :, -1])  # one process: nobody to agree with
    in_process(0, 2, monkeypatch)
    with pytest.raises(ValueError, match=r"pad='other'.*a process has 3; use an even train_dataloader.batch_size"):
        zoom(images[:3], **three)
