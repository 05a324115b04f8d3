"""Multi-scale deformable attention (Zhu et al., Deformable DETR, eq. 3) by mmcv's own version on ``grid_sample``.

mmcv itself uses that version on the CPU and in bfloat16; here other devices use it too.
"""

from __future__ import annotations

from torch import Tensor

from .gradients import gradients


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    *,
    im2col_step: int,
) -> Tensor:
    """Return the attention ``(B,Q,M*D)`` of ``value (B,N,M,D)`` at ``sampling_locations (B,Q,M,L,P,2)``."""
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    shapes = value_spatial_shapes.tolist()  # waits for the device once, not for each side of each level
    return multi_scale_deformable_attn_pytorch(value, shapes, sampling_locations, attention_weights)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    *,
    im2col_step: int,
) -> None:
    """Write the gradients of :func:`ms_deform_attn_forward` into the three ``grad_`` tensors."""

    def attention(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        return ms_deform_attn_forward(
            value, value_spatial_shapes, value_level_start_index, locations, weights, im2col_step=im2col_step
        )

    found = gradients(attention, (value, sampling_locations, attention_weights), grad_output)
    for target, gradient in zip((grad_value, grad_sampling_loc, grad_attn_weight), found, strict=True):
        target.copy_(gradient)
