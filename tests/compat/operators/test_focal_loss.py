from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from mmcv.ops import (
    SigmoidFocalLoss,
    sigmoid_focal_loss,
)
from torch import Tensor
from torch.autograd import gradcheck


def focal_loss_by_hand(logits: Tensor, target: Tensor, gamma: float, alpha: float, weight: Tensor | None) -> Tensor:
    losses = torch.zeros_like(logits)
    for row, column in product(*map(range, logits.shape)):
        p = 1 / (1 + math.exp(-logits[row, column].item()))
        if target[row] == column:
            losses[row, column] = -alpha * (1 - p) ** gamma * math.log(p)
        else:
            losses[row, column] = -(1 - alpha) * p**gamma * math.log(1 - p)
        if weight is not None:
            losses[row, column] *= weight[target[row]]
    return losses


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_focal_loss_equals_its_equation(gamma: float, weighted: bool) -> None:
    logits = torch.randn(6, 3, dtype=torch.float64).mul(3).requires_grad_()
    target = torch.tensor([0, 2, 1, 0, 2, 1] if weighted else [0, 2, 3, 1, 3, 0])  # 3 is the background
    weight = torch.rand(3, dtype=torch.float64) if weighted else None
    expected = focal_loss_by_hand(logits.detach(), target, gamma, 0.25, weight)
    torch.testing.assert_close(sigmoid_focal_loss(logits, target, gamma, 0.25, weight, "none"), expected)
    torch.testing.assert_close(SigmoidFocalLoss(gamma, 0.25, weight, "sum")(logits, target), expected.sum())
    torch.testing.assert_close(sigmoid_focal_loss(logits, target, gamma, 0.25, weight), expected.sum() / 6)
    assert gradcheck(lambda x: sigmoid_focal_loss(x, target, gamma, 0.25, weight, "none"), logits)


def test_focal_loss_of_certain_answers_is_finite() -> None:
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    losses = sigmoid_focal_loss(logits, torch.tensor([1]), 2.0, 0.25, None, "none")
    losses.sum().backward()
    assert losses.tolist() == [[150.0, 50.0]]  # 0.75 and 0.25 times 200
    assert logits.grad is not None and logits.grad.tolist() == [[0.75, -0.25]]
