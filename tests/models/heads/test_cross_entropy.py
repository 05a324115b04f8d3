from __future__ import annotations

import torch

from mmmim.models.heads import CrossEntropyHead


def test_cross_entropy_counts_scored_pixels_only() -> None:
    torch.manual_seed(0)
    prediction = torch.randn(2, 3, 4 * 5, dtype=torch.float64, requires_grad=True)
    target, weight = torch.randint(5, (2, 3, 4)), torch.rand(2, 3, 4).round()
    losses = CrossEntropyHead().loss(prediction, target, weight)
    total, hits = 0.0, 0.0
    for b, n, p in weight.nonzero().tolist():
        logits = prediction[b, n].view(4, 5)[p]
        total += -logits.log_softmax(0)[target[b, n, p]].item()
        hits += float(logits.argmax() == target[b, n, p])
    assert abs(losses["loss_tokens"].item() - total / weight.sum().item()) < 1e-12
    assert abs(losses["accuracy"].item() - 100 * hits / weight.sum().item()) < 1e-4
