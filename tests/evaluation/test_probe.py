import pytest
import torch

from mmmim.evaluation.probe import linear_probe


def samples(count, seed, separation, classes=5, dims=24):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    x = torch.randn(count, dims, generator=generator)
    x[torch.arange(count), labels] += separation
    return x, labels


def test_separable_features_are_solved_whatever_their_scale():
    train_x, train_y = samples(300, 0, 8.0)
    test_x, test_y = samples(200, 1, 8.0)
    assert linear_probe(train_x, train_y, test_x, test_y) == 100.0
    scale, shift = torch.logspace(-3, 3, 24), torch.linspace(-50, 50, 24)
    assert linear_probe(train_x * scale + shift, train_y, test_x * scale + shift, test_y) == 100.0


def test_noise_stays_at_chance_and_is_repeatable():
    train_x, train_y = samples(400, 2, 0.0)
    test_x, test_y = samples(400, 3, 0.0)
    accuracy = linear_probe(train_x, train_y, test_x, test_y, seed=1)
    assert 10 < accuracy < 30
    assert linear_probe(train_x, train_y, test_x, test_y, seed=1) == accuracy


def test_a_clear_signal_beats_a_weak_one():
    results = [
        linear_probe(*samples(300, 4, separation), *samples(300, 5, separation)) for separation in (0.5, 1.5, 3.0)
    ]
    assert results[0] + 10 < results[1] and results[1] + 10 < results[2]


@pytest.mark.parametrize(
    "train_y, message",
    [
        (torch.full((40,), -1), "train_y: the dataset has no labels"),
        (torch.zeros(40, dtype=torch.long), "only one class"),
        (torch.arange(40), "hold-out"),
    ],
)
def test_bad_labels(train_y, message):
    with pytest.raises(ValueError, match=message):
        linear_probe(torch.randn(40, 3), train_y, torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))
