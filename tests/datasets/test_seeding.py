from __future__ import annotations

import random

import numpy as np
import torch

from mmmim.datasets.seeding import SampleKey, seeded_sample


def _draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def _inside(*key: int) -> tuple[float, float, float]:
    with seeded_sample(*key):
        return _draw()


def test_draws_are_a_function_of_the_key():
    assert _inside(7, 3, 11) == _inside(7, 3, 11)


def test_every_part_of_the_key_changes_all_three_streams():
    base = _inside(7, 3, 11)
    for other in ((8, 3, 11), (7, 4, 11), (7, 3, 12), (3, 7, 11), (7, 11, 3)):
        assert all(a != b for a, b in zip(base, _inside(*other), strict=True))


def test_states_outside_are_given_back_even_after_an_error():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = _draw(), _draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    first = _draw()
    try:
        with seeded_sample(0, 0, 0):
            _draw()
            raise KeyError
    except KeyError:
        pass
    assert (first, _draw()) == expected


def test_plain_integer_is_a_key():
    assert SampleKey.of(5) == SampleKey(0, 0, 5)
    assert SampleKey.of(np.int64(5)).index == 5


def test_torch_alone():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = _draw(), _draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    first = _draw()
    with seeded_sample(7, 3, 11, torch_only=True):
        inside = float(torch.rand(()))
    assert inside == _inside(7, 3, 11)[2] and (first, _draw()) == expected
