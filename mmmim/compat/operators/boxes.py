"""Suppression of overlapping boxes: greedy, soft (Bodla et al., Soft-NMS), and greedy with its groups."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import box_iou

from mmmim.precision import at_least_fp32


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Return the indices of the kept boxes, best first; with ``offset`` 1 a box spans ``x2 - x1 + 1`` pixels."""
    boxes = _with_offset(at_least_fp32(boxes), offset)
    return torch.ops.torchvision.nms(boxes, scores.to(boxes.dtype), iou_threshold)


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Return the indices of the kept boxes, best first, and write boxes and new scores to the rows of ``dets (K, 5)``.

    Each kept box lowers the scores of those that overlap it: ``method`` 0 sets them to zero and 1 multiplies them by
    ``1 - IoU``, both from ``iou_threshold`` on; 2 multiplies them by ``exp(-IoU^2 / sigma)``. Boxes whose scores fall
    below ``min_score`` are dropped.
    """
    spans, scores, left = _with_offset(at_least_fp32(boxes), offset), scores.clone(), torch.arange(len(boxes))
    kept: list[int] = []
    while len(left):
        best = left[scores[left].argmax()]
        dets[len(kept), :4], dets[len(kept), 4] = boxes[best], scores[best]
        kept.append(int(best))
        left = left[left != best]
        overlap = box_iou(spans[best, None], spans[left])[0].nan_to_num(0)  # NaN for two boxes without area
        if method == 2:
            weight = torch.exp(-(overlap**2) / sigma)
        else:
            weight = torch.where(overlap < iou_threshold, 1.0, 1 - overlap if method == 1 else 0.0)
        scores[left] *= weight.to(scores.dtype)
        left = left[scores[left] >= min_score]
    return torch.tensor(kept, dtype=torch.long)


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Return a group of indices per kept box of ``dets (K, 5)``: its own, then those that it suppresses, best first."""
    boxes, left = at_least_fp32(dets[:, :4]), dets[:, 4].argsort(descending=True, stable=True)
    groups = []
    while len(left):
        suppressed = box_iou(boxes[left[:1]], boxes[left])[0] >= iou_threshold
        suppressed[0] = True  # a box without area overlaps nothing, not even itself
        groups.append(left[suppressed].tolist())
        left = left[~suppressed]
    return groups


def _with_offset(boxes: Tensor, offset: int) -> Tensor:
    return boxes + boxes.new_tensor([0, 0, offset, offset]) if offset else boxes
