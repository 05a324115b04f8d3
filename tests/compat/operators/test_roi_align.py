from __future__ import annotations

import pytest
import torch
import torchvision
from mmcv.ops import RoIAlign
from torch import Tensor


def random_boxes(count: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    corners = torch.rand(count, 2, 2, dtype=dtype) * torch.tensor([width, height])
    return torch.cat([corners.amin(1), corners.amax(1)], dim=1)


def roi_align_by_hand(features: Tensor, roi: Tensor, size: int, scale: float, samples: int, aligned: bool) -> Tensor:
    """Mean over ``samples x samples`` bilinear reads per bin, after He et al., Mask R-CNN, section 3."""
    height, width = features.shape[1:]
    x1, y1, x2, y2 = (roi * scale - (0.5 if aligned else 0.0)).tolist()
    bin_w, bin_h = (x2 - x1) / size, (y2 - y1) / size
    pooled = features.new_zeros(features.shape[0], size, size)
    for row in range(size):
        for column in range(size):
            for i in range(samples):
                for j in range(samples):
                    y = y1 + (row + (i + 0.5) / samples) * bin_h
                    x = x1 + (column + (j + 0.5) / samples) * bin_w
                    if not (-1 <= y <= height and -1 <= x <= width):
                        continue
                    y, x = min(max(y, 0.0), height - 1), min(max(x, 0.0), width - 1)
                    top, left = min(int(y), height - 2), min(int(x), width - 2)
                    dy, dx = y - top, x - left
                    patch = features[:, top : top + 2, left : left + 2]
                    weights = features.new_tensor([[(1 - dy) * (1 - dx), (1 - dy) * dx], [dy * (1 - dx), dy * dx]])
                    pooled[:, row, column] += (patch * weights).sum((1, 2)) / samples**2
    return pooled


@pytest.mark.parametrize("aligned", [True, False])
def test_roi_align_equals_a_plain_loop(aligned: bool) -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 3, 9, 12, dtype=torch.float64)
    boxes = random_boxes(6, 40, 52, torch.float64) + torch.tensor([-4.0, -4.0, 4.0, 4.0])  # some leave the map
    boxes[:, 2:] = torch.maximum(boxes[:, 2:], boxes[:, :2] + 8)  # the unaligned kernel widens boxes below one cell
    rois = torch.cat([torch.zeros(6, 1), boxes], dim=1)
    pooled = RoIAlign(4, 0.25, sampling_ratio=2, aligned=aligned)(features, rois)
    expected = torch.stack([roi_align_by_hand(features[0], box, 4, 0.25, 2, aligned) for box in boxes])
    torch.testing.assert_close(pooled, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sampling_ratio", [0, 2])
@pytest.mark.parametrize("aligned", [True, False])
def test_roi_align_and_its_gradient_equal_torchvision(sampling_ratio: int, aligned: bool) -> None:
    torch.manual_seed(1)
    ours = torch.randn(2, 4, 13, 17, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    rois = torch.cat([torch.randint(0, 2, (20, 1)).float(), random_boxes(20, 52, 68)], dim=1)
    pooled = RoIAlign(7, 0.25, sampling_ratio, aligned=aligned)(ours, rois)
    expected = torchvision.ops.roi_align(theirs, rois, 7, 0.25, sampling_ratio or -1, aligned)
    weight = torch.randn_like(expected)
    (pooled * weight).sum().backward()
    (expected * weight).sum().backward()
    assert torch.equal(pooled, expected)
    assert ours.grad is not None and torch.equal(ours.grad, theirs.grad)


def test_roi_align_takes_half_precision_features() -> None:
    features = torch.randn(1, 2, 8, 8).bfloat16().requires_grad_()
    rois = torch.tensor([[0.0, 1.0, 1.0, 6.0, 6.0]])
    pooled = RoIAlign(2, 1.0, 2)(features, rois)
    pooled.float().sum().backward()
    expected = torchvision.ops.roi_align(features.detach().float(), rois, 2, 1.0, 2, True)
    assert pooled.dtype == torch.bfloat16
    torch.testing.assert_close(pooled.float(), expected, rtol=1e-2, atol=1e-2)
    assert features.grad is not None and features.grad.float().sum().item() == pytest.approx(8.0, rel=1e-2)
