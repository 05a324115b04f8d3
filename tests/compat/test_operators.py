"""Operators that ``mmcv.ops`` finds in ``mmmim.compat``: values by hand, gradients, and any device."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from mmmim import compat

compat.setup()
from mmcv.ops import (  # noqa: E402
    deform_conv2d,
    modulated_deform_conv2d,
    multi_scale_deform_attn,
    roi_align,
    sigmoid_focal_loss,
)

attention = multi_scale_deform_attn.MultiScaleDeformableAttnFunction.apply


SHAPES = [[4, 6], [2, 3]]


def of_any_device(device: str) -> list[tuple[Tensor, tuple[int, ...], list[Tensor]]]:
    """Outputs, their shapes and leaves."""

    def leaf(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device, requires_grad=True)

    logits, features, offset, mask = leaf(6, 3), leaf(2, 4, 8, 8), leaf(2, 18, 8, 8), leaf(2, 9, 8, 8)
    kernel, bias = leaf(6, 4, 3, 3), leaf(6)
    plain = deform_conv2d(features, offset, kernel, 1, 1)
    modulated = modulated_deform_conv2d(features, offset, mask, kernel, bias, 1, 1)
    losses = sigmoid_focal_loss(logits, torch.zeros(6, dtype=torch.long, device=device), 2.0, 0.25, None, "none")
    value, locations, weights = leaf(2, 30, 4, 4), leaf(2, 5, 4, 2, 3, 2), leaf(2, 5, 4, 2, 3)
    attended = attention(value, torch.tensor(SHAPES), torch.tensor([0, 24]), locations, weights, 64)
    return [
        (losses, (6, 3), [logits]),
        (roi_align(features, torch.zeros(3, 5, device=device), (2, 2), 1.0, 2), (3, 4, 2, 2), [features]),
        (plain, (2, 6, 8, 8), [features, offset, kernel]),
        (modulated, (2, 6, 8, 8), [features, offset, mask, kernel, bias]),
        (attended, (2, 5, 16), [value, locations, weights]),
    ]


@pytest.mark.skipif(
    "mmmim" not in str(sys.modules["mmcv._ext"].__spec__), reason="mmcv has compiled operators, for real devices"
)
def test_no_operator_asks_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors that say they are on a CUDA device, or on none, and compute shapes only."""
    monkeypatch.setattr(FakeTensor, "tolist", lambda _: SHAPES)  # of the level shapes, which attention reads
    with FakeTensorMode(allow_non_fake_inputs=True):
        for output, shape, _ in of_any_device("cuda"):
            assert (output.device.type, tuple(output.shape)) == ("cuda", shape)
    for output, shape, leaves in of_any_device("meta"):
        assert (output.device.type, tuple(output.shape)) == ("meta", shape)
        gradients = torch.autograd.grad(output.sum(), leaves)
        assert [gradient.shape for gradient in gradients] == [leaf.shape for leaf in leaves]
