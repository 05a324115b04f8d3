from __future__ import annotations

from itertools import product

import torch
from bilinear import read
from mmcv.ops import (
    multi_scale_deform_attn,
)
from torch import Tensor
from torch.autograd import gradcheck

attention = multi_scale_deform_attn.MultiScaleDeformableAttnFunction.apply
SHAPES = [[4, 6], [2, 3]]


def attention_inputs() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    shapes = torch.tensor(SHAPES)
    starts = torch.tensor([0, 24])
    value = torch.randn(2, 30, 2, 3, dtype=torch.float64)
    locations = torch.rand(2, 5, 2, 2, 4, 2, dtype=torch.float64) * 1.4 - 0.2  # some leave the map
    weights = torch.randn(2, 5, 2, 8, dtype=torch.float64).softmax(-1).view(2, 5, 2, 2, 4)
    return value, shapes, starts, locations, weights


def test_deformable_attention_equals_a_plain_loop() -> None:
    value, shapes, starts, locations, weights = attention_inputs()
    expected = torch.zeros(2, 5, 2, 3, dtype=torch.float64)
    for image, query, head, level, point in product(range(2), range(5), range(2), range(2), range(4)):
        height, width = shapes[level].tolist()
        level_map = value[image, starts[level] : starts[level] + height * width, head].T.view(3, height, width)
        x, y = (locations[image, query, head, level, point] * torch.tensor([width, height]) - 0.5).tolist()
        expected[image, query, head] += weights[image, query, head, level, point] * read(level_map, y, x)
    found = attention(value, shapes, starts, locations, weights, 64)
    torch.testing.assert_close(found, expected.flatten(2))


def test_deformable_attention_has_gradients() -> None:
    value, shapes, starts, locations, weights = attention_inputs()
    leaves = [tensor.requires_grad_() for tensor in (value, locations, weights)]
    assert gradcheck(lambda v, at, w: attention(v, shapes, starts, at, w, 64), leaves, fast_mode=True)
