"""Operators that ``mmcv.ops`` finds in ``mmmim.compat``: values by hand, gradients, and any device."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd import gradcheck
from torch.nn import functional as F

from mmmim import compat

compat.setup()
from mmcv.ops import (  # noqa: E402
    MaskedConv2d,
    ModulatedDeformConv2dPack,
    SigmoidFocalLoss,
    deform_conv2d,
    modulated_deform_conv2d,
    multi_scale_deform_attn,
    nms_match,
    roi_align,
    sigmoid_focal_loss,
    soft_nms,
)

attention = multi_scale_deform_attn.MultiScaleDeformableAttnFunction.apply


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def read(image: Tensor, y: float, x: float) -> Tensor:
    """Bilinear read of ``image (C,H,W)`` at pixel centres ``y, x``; zeros are outside."""
    total = image.new_zeros(image.shape[0])
    for row, column in product((math.floor(y), math.floor(y) + 1), (math.floor(x), math.floor(x) + 1)):
        if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
            total += image[:, row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


# --- focal loss


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


# --- deformable attention


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


# --- deformable convolution


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


@pytest.mark.filterwarnings("ignore:This overload of addmm")
def test_masked_convolution_is_a_convolution_where_the_mask_is() -> None:
    layer = MaskedConv2d(3, 4, (3, 5), padding=(1, 2)).eval()
    images, mask = torch.randn(1, 3, 6, 7), torch.rand(1, 6, 7) > 0.5
    with torch.no_grad():
        torch.testing.assert_close(layer(images, mask.float()), layer(images) * mask)


# --- suppression


def iou(one: list[float], two: list[float], offset: int = 0) -> float:
    width = max(min(one[2], two[2]) - max(one[0], two[0]) + offset, 0)
    height = max(min(one[3], two[3]) - max(one[1], two[1]) + offset, 0)
    areas = sum((box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (one, two))
    return width * height / (areas - width * height)


def random_dets(count: int) -> tuple[Tensor, Tensor]:
    corners = torch.rand(count, 2, 2) * 30
    return torch.cat([corners.amin(1), corners.amax(1) + 1], dim=1), torch.rand(count)


DECAYS: dict[str, Callable[[float], float]] = {
    "naive": lambda overlap: float(overlap < 0.3),
    "linear": lambda overlap: 1 - overlap if overlap >= 0.3 else 1.0,
    "gaussian": lambda overlap: math.exp(-(overlap**2) / 0.5),
}


@pytest.mark.parametrize("method", DECAYS)
@pytest.mark.parametrize("offset", [0, 1])
def test_soft_nms_equals_a_plain_loop(method: str, offset: int) -> None:
    boxes, scores = random_dets(40)
    left = {i: score for i, score in enumerate(scores.tolist()) if score >= 0.05}
    kept, expected = [], []
    while left:
        best = max(left, key=lambda i: left[i])
        kept.append(best)
        expected.append(left.pop(best))
        overlaps = {i: iou(boxes[best].tolist(), boxes[i].tolist(), offset) for i in left}
        left = {i: score * DECAYS[method](overlaps[i]) for i, score in left.items()}
        left = {i: score for i, score in left.items() if score >= 0.05}
    dets, indices = soft_nms(boxes, scores, 0.3, 0.5, 0.05, method, offset)
    assert indices.tolist() == kept
    torch.testing.assert_close(dets, torch.cat([boxes[kept], torch.tensor(expected)[:, None]], dim=1))


def test_nms_match_groups_what_each_box_suppresses() -> None:
    boxes, scores = random_dets(40)
    left = scores.argsort(descending=True).tolist()
    expected = []
    while left:
        group = [i for i in left if i == left[0] or iou(boxes[left[0]].tolist(), boxes[i].tolist()) >= 0.4]
        left = [i for i in left if i not in group]
        expected.append(group)
    assert any(len(group) > 1 for group in expected)
    found = nms_match(torch.cat([boxes, scores[:, None]], dim=1), 0.4)
    assert [group.tolist() for group in found] == expected


# --- devices


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
