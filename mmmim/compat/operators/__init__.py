"""Operators of ``mmcv._ext`` on torch and torchvision, for any device and differentiable if mmcv's are.

They have the signatures by which ``mmcv.ops`` calls the compiled ones: results are written into tensors that the caller
created, and gradients are separate operators.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .boxes import nms, nms_match, softnms
from .deform_conv import (
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
    modulated_deform_conv_backward,
    modulated_deform_conv_forward,
)
from .deformable_attention import ms_deform_attn_backward, ms_deform_attn_forward
from .focal_loss import sigmoid_focal_loss_backward, sigmoid_focal_loss_forward
from .masked_conv import masked_col2im_forward, masked_im2col_forward
from .roi_align import roi_align_backward, roi_align_forward

OPERATORS: tuple[Callable[..., Any], ...] = (
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
    masked_col2im_forward,
    masked_im2col_forward,
    modulated_deform_conv_backward,
    modulated_deform_conv_forward,
    ms_deform_attn_backward,
    ms_deform_attn_forward,
    nms,
    nms_match,
    roi_align_backward,
    roi_align_forward,
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
    softnms,
)
