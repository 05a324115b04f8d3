from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from mmcv.ops import (
    batched_nms,
    nms,
    nms_match,
    soft_nms,
)
from torch import Tensor


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


def random_boxes(count: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    corners = torch.rand(count, 2, 2, dtype=dtype) * torch.tensor([width, height])
    return torch.cat([corners.amin(1), corners.amax(1)], dim=1)


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_nms_equals_greedy_suppression(offset: int, threshold: float) -> None:
    torch.manual_seed(2)
    boxes, scores = random_boxes(80, 30, 30).double(), torch.rand(80).double()
    area = (boxes[:, 2:] - boxes[:, :2] + offset).prod(1)
    kept: list[int] = []
    for i in scores.argsort(descending=True).tolist():
        overlaps = []
        for j in kept:
            lower, upper = (
                torch.maximum(boxes[i, :2], boxes[j, :2]),
                torch.minimum(boxes[i, 2:], boxes[j, 2:]),
            )
            common = (upper - lower + offset).clamp(min=0).prod()
            overlaps.append((common / (area[i] + area[j] - common)).item())
        if all(overlap <= threshold for overlap in overlaps):
            kept.append(i)
    dets, indices = nms(boxes, scores, threshold, offset=offset)
    assert indices.tolist() == kept
    assert torch.equal(dets[:, 4], scores[kept])


def test_batched_nms_keeps_classes_apart() -> None:
    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 9.0]])
    _, kept = batched_nms(
        boxes, torch.tensor([0.5, 0.9, 0.7]), torch.tensor([0, 0, 1]), dict(type="nms", iou_threshold=0.5)
    )
    assert kept.tolist() == [1, 2]
