from __future__ import annotations

import pytest
import torch

from mmmim.models.layers import random
from mmmim.models.layers.random import Noise, global_rand, to_device


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def of_rank(monkeypatch: pytest.MonkeyPatch, rank: int, processes: int) -> None:
    monkeypatch.setattr(random, "get_rank", lambda: rank)
    monkeypatch.setattr(random, "get_world_size", lambda: processes)


def test_ranks_own_every_so_manyth_row_of_one_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = global_rand(6, 2, seeded())
    for rank in range(3):
        of_rank(monkeypatch, rank, 3)
        assert global_rand(2, 2, seeded()).equal(whole[rank::3])
        assert Noise(2, seeded()).shared(4).equal(torch.rand(4, generator=seeded()))


def test_without_a_generator_the_global_stream_is_drawn_from() -> None:
    torch.manual_seed(5)
    drawn = global_rand(3, 2, draw=torch.randn)
    torch.manual_seed(5)
    assert drawn.equal(torch.randn(3, 2))


def test_ranges_choices_and_normal_numbers() -> None:
    noise = Noise(2000, seeded())
    low, high = noise.between((-1.0, 1.0), (5.0, 6.0))
    assert low.shape == (2000,) and -1 <= low.min() < -0.9 and 0.9 < low.max() < 1 and 5 <= high.min() < high.max() < 6
    assert noise.choice(3).bincount().tolist() == pytest.approx([667, 667, 667], rel=0.15)
    assert noise.normal(1).std() == pytest.approx(1, rel=0.1) and noise.uniform(3).shape == (2000, 3)


def test_host_tables_stay_on_the_host_until_a_device_is_named() -> None:
    table = torch.rand(2, 2)
    assert to_device(table, None) is table and to_device(table, "cpu") is table
    assert to_device(table, "meta").device.type == "meta"
    assert Noise(2, seeded(), "meta").uniform(1, on_host=True).device.type == "cpu"
