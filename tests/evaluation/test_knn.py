import math

import pytest
import torch
import torch.nn.functional as F

from mmmim.errors import UsageError
from mmmim.evaluation.knn import _nearest, choose_k, knn_accuracy, knn_scores


def test_the_default_k_fits_the_images(monkeypatch):
    told = []
    monkeypatch.setattr("mmmim.evaluation.knn.print_log", lambda text, **_: told.append(text))
    assert choose_k(None, 200) == (10, 20, 100, 200) and not told
    assert choose_k(None, 199) == (10, 20, 100)
    assert told == ["k-NN: there are 199 training images, so k is 10 20 100, not 10 20 100 200"]
    assert choose_k(None, 9) == (9,)
    with pytest.raises(UsageError, match=r"k: \(10,\) must lie in 1..9"):
        choose_k([10], 9)


def brute_force_votes(train_x, train_y, query, k, temperature, num_classes):
    similarity = []
    for x in train_x:
        similarity.append(float(x @ query) / math.sqrt(float(x @ x) * float(query @ query)))
    nearest = sorted(range(len(train_x)), key=lambda i: -similarity[i])[:k]
    votes = [0.0] * num_classes
    for i in nearest:
        votes[int(train_y[i])] += math.exp(similarity[i] / temperature)
    return votes


@pytest.fixture(scope="module")
def clusters():
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(4, 16, generator=generator)

    def draw(count):
        labels = torch.randint(4, (count,), generator=generator)
        return centres[labels] + 1.2 * torch.randn(count, 16, generator=generator), labels

    return *draw(90), *draw(37)


@pytest.mark.parametrize("chunks", [(1024, 65536), (5, 7), (1, 30)])
def test_votes_equal_brute_force_whatever_the_chunks(clusters, chunks):
    train_x, train_y, test_x, _ = clusters
    scores = knn_scores(train_x, train_y, test_x, k=(1, 10, 40), test_chunk=chunks[0], train_chunk=chunks[1])
    for k in (1, 10, 40):
        for row, query in zip(scores[k], test_x, strict=True):
            expected = torch.tensor(brute_force_votes(train_x, train_y, query, k, 0.07, 4))
            torch.testing.assert_close(row / row.sum(), expected / expected.sum(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("chunks", [(1024, 65536), (8, 16), (1, 50)])
def test_neighbours_are_those_of_a_full_sort(clusters, chunks):
    train_x, _, test_x, _ = clusters
    train_x, test_x = F.normalize(train_x, dim=1), F.normalize(test_x, dim=1)
    similarity = test_x.double() @ train_x.double().T
    expected = similarity.sort(1, descending=True)
    parts = list(_nearest(train_x, test_x, 40, *chunks))
    sims, ids = (torch.cat(column) for column in zip(*parts, strict=True))
    assert torch.equal(ids, expected.indices[:, :40])
    torch.testing.assert_close(sims.double(), expected.values[:, :40], rtol=0, atol=1e-6)
    assert all(len(part[0]) <= chunks[0] for part in parts)


@pytest.mark.parametrize("chunks", [(1024, 65536), (2, 4), (1, 30)])
def test_of_equal_neighbours_each_counts_once(chunks):
    train_x = torch.eye(3).repeat_interleave(8, 0)  # 8 copies of 3 images
    parts = _nearest(train_x, torch.eye(3), 12, *chunks)
    for query, ids in enumerate(torch.cat([ids for _, ids in parts])):
        assert set(ids[:8].tolist()) == set(range(8 * query, 8 * query + 8))
        assert len(set(ids.tolist())) == 12


def test_accuracy_and_scale_invariance(clusters):
    train_x, train_y, test_x, test_y = clusters
    accuracy = knn_accuracy(train_x, train_y, test_x, test_y, k=(10, 20))
    votes = [brute_force_votes(train_x, train_y, query, 20, 0.07, 4) for query in test_x]
    right = sum(v.index(max(v)) == int(y) for v, y in zip(votes, test_y, strict=True))
    assert accuracy[20] == pytest.approx(100 * right / len(test_y))
    assert knn_accuracy(train_x * 100, train_y, test_x * 0.01, test_y, k=(10, 20)) == accuracy


def test_weights_beat_the_majority():
    train_x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    scores = knn_scores(train_x, torch.tensor([0, 1, 1]), torch.tensor([[1.0, 0.2]]), k=(3,))[3]
    assert scores.argmax(1).item() == 0
    flat = knn_scores(train_x, torch.tensor([0, 1, 1]), torch.tensor([[1.0, 0.2]]), k=(3,), temperature=1e3)[3]
    assert flat.argmax(1).item() == 1


def test_low_temperature_stays_finite(clusters):
    train_x, train_y, test_x, _ = clusters
    assert knn_scores(train_x, train_y, test_x, k=(20,), temperature=1e-3)[20].isfinite().all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"k": (91,)}, r"k: \(91,\) must lie in 1..90"),
        ({"k": (0, 5)}, "k: "),
        ({"temperature": 0.0}, "temperature: 0.0 must be positive"),
        ({"num_classes": 3}, "num_classes=3 allows 0..2"),
        ({"train_y": torch.full((90,), -1)}, "the dataset has no labels"),
        ({"test_x": torch.zeros(2, 8)}, "8 feature dims, train_x has 16"),
    ],
)
def test_bad_input(clusters, change, message):
    arguments = dict(train_x=clusters[0], train_y=clusters[1], test_x=clusters[2], k=(10,)) | change
    positional = [arguments.pop(name) for name in ("train_x", "train_y", "test_x")]
    with pytest.raises(ValueError, match=message):
        knn_scores(*positional, **arguments)
