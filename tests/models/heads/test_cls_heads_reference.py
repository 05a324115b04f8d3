"""A linear probe trained through our head against scikit-learn's logistic regression, on features of toy pictures."""

import pytest
import torch
from mmengine.config import Config
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from mmmim.evaluation.frozen import FrozenEvaluation
from mmmim.models.heads import LayerwiseClsHead, LinearClsHead


@pytest.fixture
def features(pretrain_config, checkpoint):
    cfg = Config.fromfile(pretrain_config)
    cfg.train_dataloader.dataset.num_images = 320
    return FrozenEvaluation(cfg, num_test=400).features(checkpoint)


def converge(head, weights, loss) -> None:
    """Full-batch L-BFGS with the L2 penalty of scikit-learn's ``C = 1`` on the weights."""
    optimizer = torch.optim.LBFGS(
        head.parameters(), max_iter=400, history_size=20, line_search_fn="strong_wolfe", tolerance_grad=1e-7
    )

    def closure():
        optimizer.zero_grad()
        total = loss() + sum(w.square().sum() for w in weights) / (2 * 320)
        total.backward()
        return total

    optimizer.step(closure)


def test_converged_probe_equals_scikit_learn(features):
    """Accuracy within half a point; the same optimum, so image by image the same probabilities."""
    train, test = features
    scaler = StandardScaler().fit(train.x)
    reference = LogisticRegression(C=1.0, max_iter=2000, tol=1e-8).fit(scaler.transform(train.x), train.y)
    expected = torch.from_numpy(reference.predict_proba(scaler.transform(test.x))).float()
    accuracy = 100 * (expected.argmax(1) == test.y).float().mean().item()
    assert accuracy > 20  # chance is 12.5

    head = LinearClsHead(8, train.x.shape[1], norm="bn")
    converge(head, [head.fc.weight], lambda: head.loss(train.x, train.y)["loss_cls"])
    for _ in range(100):  # running statistics of the whole set
        head(train.x)
    predicted = head.eval().predict(test.x)
    assert abs(100 * (predicted.argmax(1) == test.y).float().mean().item() - accuracy) <= 0.5
    torch.testing.assert_close(predicted, expected, rtol=0, atol=0.02)


def test_probes_trained_together_reach_the_optimum_of_each(features):
    train, test = features
    widths = dict(block1=train.x.shape[1] // 2, block2=train.x.shape[1])
    head = LayerwiseClsHead(8, widths, norm="bn")

    def levels(x):
        return [x[:, :width] for width in widths.values()]

    weights = [probe.fc.weight for probe in head.probes.values()]
    converge(head, weights, lambda: sum(head.loss(levels(train.x), train.y).values()))
    for _ in range(100):
        head(levels(train.x))
    predicted = head.eval().predict(levels(test.x))
    for (name, width), x, queries in zip(widths.items(), levels(train.x), levels(test.x), strict=True):
        scaler = StandardScaler().fit(x)
        reference = LogisticRegression(C=1.0, max_iter=2000, tol=1e-8).fit(scaler.transform(x), train.y)
        accuracy = 100 * reference.score(scaler.transform(queries), test.y.numpy())
        assert abs(100 * (predicted[name].argmax(1) == test.y).float().mean().item() - accuracy) <= 0.5, (name, width)
