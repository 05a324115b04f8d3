from __future__ import annotations

from itertools import product

import pytest
import torch
from bilinear import read
from mmcv.ops import (
    ModulatedDeformConv2dPack,
    deform_conv2d,
    modulated_deform_conv2d,
)
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional as F


def deform_conv_by_hand(
    image: Tensor, offset: Tensor, weight: Tensor, mask: Tensor, groups: int, deform: int
) -> Tensor:
    """Stride (2, 1), padding (1, 2), dilation (1, 2), as the tests below."""
    batch, (outputs, per_group, kh, kw) = len(image), weight.shape
    result = image.new_zeros(batch, outputs, *offset.shape[2:])
    for b, row, column in product(range(batch), *map(range, offset.shape[2:])):
        columns = image.new_zeros(image.shape[1], kh, kw)
        for g, i, j in product(range(deform), range(kh), range(kw)):
            n = (g * kh + i) * kw + j
            dy, dx = offset[b, 2 * n : 2 * n + 2, row, column].tolist()
            channels = slice(g * image.shape[1] // deform, (g + 1) * image.shape[1] // deform)
            sample = read(image[b, channels], row * 2 - 1 + i + dy, column - 2 + 2 * j + dx)
            columns[channels, i, j] = sample * mask[b, n, row, column]
        for o in range(outputs):
            g = o * groups // outputs
            result[b, o, row, column] = (columns[g * per_group : (g + 1) * per_group] * weight[o]).sum()
    return result


GEOMETRY = ((2, 1), (1, 2), (1, 2))  # stride, padding, dilation


def deform_conv_inputs(deform: int, groups: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    image = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    offset = torch.randn(2, deform * 12, 3, 8, dtype=torch.float64)
    mask = torch.rand(2, deform * 6, 3, 8, dtype=torch.float64)
    weight = torch.randn(4, 4 // groups, 3, 2, dtype=torch.float64)
    return image, offset, mask, weight


@pytest.mark.parametrize(("deform", "groups"), [(1, 1), (2, 1), (2, 2)])
def test_deformable_convolutions_equal_a_plain_loop(deform: int, groups: int) -> None:
    image, offset, mask, weight = deform_conv_inputs(deform, groups)
    bias = torch.randn(4, dtype=torch.float64)
    plain = deform_conv2d(image, offset, weight, *GEOMETRY, groups, deform)
    expected = deform_conv_by_hand(image, offset, weight, torch.ones_like(mask), groups, deform)
    torch.testing.assert_close(plain, expected)
    for added in (bias, None):
        modulated = modulated_deform_conv2d(image, offset, mask, weight, added, *GEOMETRY, groups, deform)
        expected = deform_conv_by_hand(image, offset, weight, mask, groups, deform)
        torch.testing.assert_close(modulated, expected + (0 if added is None else added[:, None, None]))


def test_deformable_convolutions_have_gradients() -> None:
    image, offset, mask, weight = (tensor.requires_grad_() for tensor in deform_conv_inputs(2, 2))
    bias = torch.randn(4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda *x: deform_conv2d(*x, *GEOMETRY, 2, 2), (image, offset, weight), fast_mode=True)
    assert gradcheck(
        lambda *x: modulated_deform_conv2d(*x, *GEOMETRY, 2, 2), (image, offset, mask, weight, bias), fast_mode=True
    )
    assert gradcheck(
        lambda *x: modulated_deform_conv2d(*x, None, *GEOMETRY, 2, 2), (image, offset, mask, weight), fast_mode=True
    )


def test_without_offsets_they_are_convolutions() -> None:
    """In bfloat16 autocast too, where torchvision's kernels compute in fp32."""
    images = torch.randn(2, 4, 8, 9)
    layer = ModulatedDeformConv2dPack(4, 6, 3, padding=1)
    expected = F.conv2d(images, layer.weight * 0.5, layer.bias, padding=1)
    torch.testing.assert_close(layer(images), expected)
    with torch.autocast("cpu", torch.bfloat16):
        half = layer(images)
    torch.testing.assert_close(half.float(), expected, rtol=0.02, atol=0.02)
    weights = (layer.weight, layer.conv_offset.weight)
    of_half, of_full = (torch.autograd.grad(x.float().square().sum(), weights) for x in (half, layer(images)))
    for found, wanted in zip(of_half, of_full, strict=True):
        assert wanted.abs().max() > 0
        torch.testing.assert_close(found, wanted, rtol=0.05, atol=0.05 * wanted.abs().max().item())
