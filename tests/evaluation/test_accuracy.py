import pytest
import torch

from mmmim.evaluation.accuracy import Accuracy


def feed(metric, scores, labels, indices):
    metric.process(
        None,
        [dict(pred_scores=s, label=y, index=i) for s, y, i in zip(scores, labels, indices, strict=True)],
    )


def test_topk_equals_a_plain_count():
    generator = torch.Generator().manual_seed(0)
    scores, labels = torch.randn(60, 8, generator=generator), torch.randint(8, (60,), generator=generator)
    metric = Accuracy(topk=(1, 5))
    feed(metric, scores[:32], labels[:32], torch.arange(32))
    feed(metric, scores[32:], labels[32:], torch.arange(32, 60))
    result = metric.evaluate(60)
    for k in (1, 5):
        right = sum(int(y) in s.argsort(descending=True)[:k].tolist() for s, y in zip(scores, labels, strict=True))
        assert result[f"accuracy/top{k}"] == pytest.approx(100 * right / 60)


def test_repeated_samples_count_once_and_none_is_cut_off():
    metric = Accuracy(topk=(1,))
    eye = torch.eye(3)
    feed(metric, eye[[0, 0, 0, 1, 2]], torch.tensor([1, 1, 1, 1, 2]), torch.tensor([7, 7, 7, 3, 5]))
    assert metric.evaluate(3)["accuracy/top1"] == pytest.approx(100 * 2 / 3)


def test_evaluating_twice_starts_afresh():
    metric, eye = Accuracy(topk=(1,)), torch.eye(2)
    feed(metric, eye, torch.tensor([1, 0]), torch.tensor([0, 1]))
    assert metric.evaluate(2)["accuracy/top1"] == 0.0
    feed(metric, eye, torch.tensor([0, 1]), torch.tensor([0, 1]))
    assert metric.evaluate(2)["accuracy/top1"] == 100.0


def test_mean_class_weighs_rare_classes_equally():
    metric, eye = Accuracy(topk=(1,), mean_class=True), torch.eye(4)
    predicted, labels = torch.tensor([0, 0, 0, 0, 3]), torch.tensor([0, 0, 0, 3, 3])
    feed(metric, eye[predicted], labels, torch.arange(5))
    result = metric.evaluate(5)
    assert result["accuracy/top1"] == pytest.approx(80.0)
    assert result["accuracy/mean_class"] == pytest.approx((100 + 50) / 2)


@pytest.mark.parametrize(
    "topk, labels, message",
    [((1, 5), [0, 1], "topk: "), ((1,), [-1, -1], "no labels"), ((1,), [0, 3], "num_classes=3 allows 0..2")],
)
def test_bad_input(topk, labels, message):
    with pytest.raises(ValueError, match=message):
        feed(Accuracy(topk=topk), torch.eye(3)[:2], torch.tensor(labels), torch.arange(2))
