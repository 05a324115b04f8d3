"""RoIAlign (He et al., Mask R-CNN, section 3) by torchvision."""

from __future__ import annotations

import torch
from torch import Tensor

from mmmim.errors import MissingOperatorError
from mmmim.precision import at_least_fp32


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write the average RoIAlign of ``input (B,C,H,W)`` at ``rois (K,5)`` into ``output (K,C,h,w)``."""
    _require_average(pool_mode)
    features = at_least_fp32(input)
    pooled = torch.ops.torchvision.roi_align(
        features,
        rois.to(features.dtype),
        spatial_scale,
        aligned_height,
        aligned_width,
        _samples(sampling_ratio),
        aligned,
    )
    output.copy_(pooled)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write the gradient of :func:`roi_align_forward` into ``grad_input (B,C,H,W)``."""
    _require_average(pool_mode)
    grad = at_least_fp32(grad_output)
    grad_input.copy_(
        torch.ops.torchvision._roi_align_backward(
            grad,
            rois.to(grad.dtype),
            spatial_scale,
            aligned_height,
            aligned_width,
            *grad_input.shape,
            _samples(sampling_ratio),
            aligned,
        )
    )


def _samples(sampling_ratio: int) -> int:
    return sampling_ratio if sampling_ratio > 0 else -1  # -1 means "as many as needed" in torchvision


def _require_average(pool_mode: int) -> None:
    if pool_mode != 1:
        raise MissingOperatorError(
            "op roi_align with pool_mode='max' needs compiled mmcv: use pool_mode='avg', or install mmcv with "
            "compiled operators (docs/dependencies.md)"
        )
