import pytest
import torch

from mmmim.errors import UsageError
from mmmim.evaluation import ProbeHook
from mmmim.evaluation.features import Features
from mmmim.evaluation.probe import linear_probe


def separable(count, seed):
    """Return features of two classes whose first dimension tells them apart, among louder ones that do not."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % 2
    x = 5 * torch.randn(count, 6, generator=generator)
    x[:, 0] = 2.0 * y - 1 + 0.2 * torch.randn(count, generator=generator)
    return Features(x, y)


def test_a_linear_layer_is_fitted_on_the_bank():
    bank, queries = separable(200, 0), separable(100, 1)
    assert ProbeHook(data="toy").compare(bank, queries) == {"probe/top1": pytest.approx(100, abs=3)}
    shuffled = Features(bank.x, bank.y[torch.randperm(len(bank.y))])
    assert ProbeHook(data="toy").compare(shuffled, queries)["probe/top1"] < 75


def test_the_strength_is_the_given_one():
    bank, queries = separable(40, 0), separable(30, 1)
    found = {c: ProbeHook(data="toy", c=c).compare(bank, queries)["probe/top1"] for c in (1e-6, 1.0)}
    assert found == {c: linear_probe(*bank, *queries, c=c) for c in found}


def test_it_is_logged(watched_run):
    _, scalars = watched_run(dict(type="ProbeHook", data="toy", num_bank=40, num_queries=20))
    assert [line["step"] for line in scalars] == [1, 2] and all(0 <= line["probe/top1"] <= 100 for line in scalars)


def test_a_strength_of_zero_is_refused():
    with pytest.raises(UsageError, match="c: 0 must be positive"):
        ProbeHook(data="toy", c=0)
