from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import torchvision
from torch import Tensor

from mmmim import compat

compat.setup()
from mmcv.ops import RoIAlign, batched_nms, nms, softmax_focal_loss  # noqa: E402


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


def test_other_operators_name_themselves() -> None:
    with pytest.raises(RuntimeError, match=r"op softmax_focal_loss_forward needs compiled mmcv, .*docs/downstream.md"):
        softmax_focal_loss(torch.randn(2, 3), torch.tensor([0, 1]))


def test_max_pooling_is_refused() -> None:
    with pytest.raises(RuntimeError, match="pool_mode='max' needs compiled mmcv"):
        RoIAlign(2, 1.0, 2, pool_mode="max")(torch.randn(1, 1, 4, 4), torch.tensor([[0.0, 0.0, 0.0, 2.0, 2.0]]))


def run_python(code: str, *options: str) -> str:
    result = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def test_compiled_operators_win() -> None:
    code = """
import sys, importlib.machinery, types
class Compiled:
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "mmcv._ext" else None
    def create_module(self, spec): return None
    def exec_module(self, module): module.nms = "compiled"
import mmmim.compat
mmmim.compat.setup()
sys.meta_path.insert(len(sys.meta_path) - 1, Compiled())  # where a site-packages finder stands
mmmim.compat.setup()
import mmcv._ext
print(mmcv._ext.nms, sum(type(f).__name__ == "TorchvisionOpsFinder" for f in sys.meta_path))
"""
    assert run_python(code).split() == ["compiled", "1"]


def test_importing_the_stack_is_quiet_and_other_warnings_stay() -> None:
    code = "import mmmim.compat.openmmlab, mmcv.cnn, warnings; warnings.warn('heard')"
    output = run_python(code, "-W", "always::UserWarning")
    assert "MultiScaleDeformableAttention" not in output
    assert "heard" in output


def test_a_config_may_inherit_from_mmseg() -> None:
    from mmengine.config import Config

    config = Config.fromstring("_base_ = 'mmseg::_base_/models/upernet_r50.py'", ".py")
    assert config.model.decode_head.type == "UPerHead"
