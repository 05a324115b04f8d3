"""The contrastive heads of ConMIM, equal to loops over patches."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from small_conmim import features
from torch import Tensor

from mmmim.models.heads import InstanceContrastHead, PatchContrastHead


def unit(x: Tensor) -> Tensor:
    return x / x.norm()


def loop(queries: Tensor, keys: Tensor, where: Tensor, tau: float, kind: str, delta: float = 0, by: str = "") -> float:
    """Eq. 3, image by image, query by query, key by key."""
    means = []
    for b in range(len(queries)):
        errors = []
        for row, j in enumerate(where[b].tolist()):
            query, own = unit(queries[b, row]), unit(keys[b, j])
            positive = math.exp((query @ own).item() / tau)
            total = 0.0
            for c in range(len(queries)) if kind == "gpu" else [b]:
                for i in range(keys.shape[1]):
                    key = unit(keys[c, i])
                    similarity = ((own if by == "key_key" else query) @ key).item()
                    if kind == "filtered" and (c, i) != (b, j) and similarity > delta:
                        continue
                    total += math.exp((query @ key).item() / tau)
            errors.append(math.log(total) - math.log(positive))
        means.append(sum(errors) / len(errors))
    return sum(means) / len(means)


@pytest.mark.parametrize(
    "settings",
    [
        dict(),
        dict(temperature=0.05),
        dict(dictionary="gpu"),
        dict(dictionary="filtered", filter_threshold=0.3),
        dict(dictionary="filtered", filter_threshold=0.1, filter_metric="query_key"),
    ],
)
def test_loss_equals_loops(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmmim.models.heads.patch_contrast.CHUNK", 5)  # several chunks of queries
    queries, keys, where = features()
    found = PatchContrastHead(**settings).loss(queries, keys, where)["loss_contrast"].item()
    expected = loop(
        queries,
        keys,
        where,
        settings.get("temperature", 0.1),
        settings.get("dictionary", "image"),
        settings.get("filter_threshold", 0.0),
        settings.get("filter_metric", "key_key"),
    )
    assert found == pytest.approx(expected, abs=1e-10)


def test_masked_rows_equal_all_rows_with_weights() -> None:
    queries, keys, _ = features(hidden=10)
    where = torch.tensor([[1, 4, 5], [0, 2, 9], [3, 7, 8]])
    weight = torch.zeros(3, 10).scatter(1, where, 1.0)
    some = torch.gather(queries, 1, where[..., None].expand(-1, -1, 8))
    head = PatchContrastHead()
    torch.testing.assert_close(
        head.loss(some, keys, where)["loss_contrast"], head.loss(queries, keys, weight=weight)["loss_contrast"]
    )


def test_reductions_of_ragged_masks() -> None:
    queries, keys, _ = features(batch=2, hidden=10)
    weight = torch.zeros(2, 10)
    weight[0, :6], weight[1, 3] = 1, 1
    errors = [
        PatchContrastHead().loss(queries[b : b + 1, j : j + 1], keys[b : b + 1], torch.tensor([[j]]))["loss_contrast"]
        for b, j in [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 3)]
    ]
    first, second = sum(errors[:6]) / 6, errors[6]
    found = {
        kind: PatchContrastHead(reduction=kind).loss(queries, keys, weight=weight)["loss_contrast"]
        for kind in ("image", "token")
    }
    torch.testing.assert_close(found["image"], (first + second) / 2)
    torch.testing.assert_close(found["token"], sum(errors) / 7)
    weight[1] = 0
    torch.testing.assert_close(PatchContrastHead().loss(queries, keys, weight=weight)["loss_contrast"], first)
    queries.requires_grad_()
    nothing = PatchContrastHead().loss(queries, keys, weight=torch.zeros(2, 10))["loss_contrast"]
    nothing.backward()
    assert nothing.item() == 0 and queries.grad is not None and queries.grad.abs().sum() == 0


def test_gradient_is_the_papers() -> None:
    queries, keys, where = features()
    queries = torch.nn.functional.normalize(queries, dim=-1)
    k = torch.nn.functional.normalize(keys, dim=-1)
    q = queries.clone().requires_grad_()
    PatchContrastHead(0.2).loss(q, keys, where)["loss_contrast"].backward()
    p = (queries @ k.transpose(1, 2) / 0.2).softmax(2)
    own = torch.gather(k, 1, where[..., None].expand(-1, -1, 8))
    gradient = (p @ k - own) / (0.2 * 4 * 3)
    tangent = gradient - (gradient * queries).sum(-1, keepdim=True) * queries  # q has length 1
    torch.testing.assert_close(q.grad, tangent, rtol=0, atol=1e-6)


def test_bounds_scale_and_special_cases() -> None:
    queries, keys, where = features()
    head = PatchContrastHead()
    loss = head.loss(queries, keys, where)["loss_contrast"]
    assert 0 <= loss < math.log(1 + 9 * math.exp(2 / 0.1))
    torch.testing.assert_close(head.loss(queries * 3, keys * 0.2, where)["loss_contrast"], loss)
    assert head.loss(queries * 0, keys, where)["loss_contrast"].item() == pytest.approx(math.log(10))
    same = keys[:, :1].expand_as(keys)
    assert head.loss(queries, same, where)["loss_contrast"].item() == pytest.approx(math.log(10))
    assert PatchContrastHead(1e9).loss(queries, keys, where)["loss_contrast"].item() == pytest.approx(math.log(10))
    every = PatchContrastHead(dictionary="filtered", filter_threshold=1.1)
    torch.testing.assert_close(every.loss(queries, keys, where)["loss_contrast"], loss)
    alone = PatchContrastHead(dictionary="filtered", filter_threshold=-1.1)
    assert alone.loss(queries, keys, where)["loss_contrast"].item() == pytest.approx(0, abs=1e-12)
    one = PatchContrastHead(dictionary="gpu")
    torch.testing.assert_close(
        one.loss(queries[:1], keys[:1], where[:1])["loss_contrast"],
        head.loss(queries[:1], keys[:1], where[:1])["loss_contrast"],
    )
    assert one.loss(queries, keys, where)["loss_contrast"] > loss


@pytest.mark.parametrize("tau, expected", [(0.05, 6.03), (0.07, 5.67), (0.1, 5.47), (0.15, 5.36), (0.2, 5.33)])
def test_loss_of_random_features(tau: float, expected: float) -> None:
    generator = torch.Generator().manual_seed(0)
    queries, keys = (torch.randn(16, 196, 256, generator=generator) for _ in range(2))
    found = PatchContrastHead(tau).loss(queries, keys)["loss_contrast"].item()
    assert found == pytest.approx(expected, abs=0.05)


def test_statistics() -> None:
    keys = torch.eye(10).expand(3, -1, -1)
    where = torch.tensor([[0, 3], [1, 2], [4, 5]])
    queries = keys[0][where]
    found = PatchContrastHead().loss(queries, keys, where)
    assert found["retrieval_top1"] == 1
    assert found["cosine_positive"].item() == pytest.approx(1)
    assert found["cosine_negative"].item() == pytest.approx(0)
    assert found["key_std"].item() == pytest.approx(0.3 * 10**0.5)
    collapsed = PatchContrastHead().loss(torch.ones_like(queries), keys, where)
    assert collapsed["query_std"].item() == pytest.approx(0, abs=1e-6)


def test_instance_contrast_equals_a_loop() -> None:
    queries, keys, _ = features(batch=5, patches=1, hidden=1)
    q, k = (torch.nn.functional.normalize(x[:, 0], dim=1) for x in (queries, keys))
    logits = q @ k.T / 0.1
    expected = (logits.logsumexp(1) - logits.diagonal()).mean()
    torch.testing.assert_close(InstanceContrastHead().loss(queries, keys)["loss_contrast"], expected)
