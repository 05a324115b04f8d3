"""Deformable convolution (Dai et al.) and its modulated form (Zhu et al., Deformable ConvNets v2) by torchvision.

Both libraries order offsets as ``y, x`` per kernel position, read zeros outside of the image, and take the numbers of
groups from the tensors' widths.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torchvision.ops import deform_conv2d

from mmmim.precision import at_least_fp32

from .gradients import gradients


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    **geometry: int,
) -> None:
    """Write the convolution of ``input (B,C,H,W)`` at ``offset (B,2*G*kh*kw,h,w)`` into ``output (B,O,h,w)``."""
    output.copy_(_deform_conv(input, offset, weight, **geometry))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **geometry: int,
) -> None:
    """Write the gradients of input and offsets into ``grad_input`` and ``grad_offset``."""

    def convolve(input: Tensor, offset: Tensor) -> Tensor:
        return _deform_conv(input, offset, weight, **geometry)

    for target, gradient in zip(
        (grad_input, grad_offset), gradients(convolve, (input, offset), grad_output), strict=True
    ):
        target.copy_(gradient)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,
    ones: Tensor,
    *,
    scale: float,
    **geometry: int,
) -> None:
    """Write the gradient of the weights, times ``scale``, into ``grad_weight``."""

    def convolve(weight: Tensor) -> Tensor:
        return _deform_conv(input, offset, weight, **geometry)

    (gradient,) = gradients(convolve, (grad_weight,), grad_output)  # any weights will do: the output is linear in them
    grad_weight.copy_(gradient * scale)


def _deform_conv(
    input: Tensor, offset: Tensor, weight: Tensor, *, dH: int, dW: int, padH: int, padW: int, **others: int
) -> Tensor:
    return deform_conv2d(
        *(at_least_fp32(tensor) for tensor in (input, offset, weight)),
        stride=(dH, dW),
        padding=(padH, padW),
        dilation=(others["dilationH"], others["dilationW"]),
    )


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    **geometry: Any,
) -> None:
    """Write what :func:`deform_conv_forward` does, with the samples multiplied by ``mask (B,G*kh*kw,h,w)``."""
    output.copy_(_modulated_deform_conv(input, offset, mask, weight, bias, **geometry))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    *,
    with_bias: bool,
    **geometry: Any,
) -> None:
    """Write the gradients of :func:`modulated_deform_conv_forward` into the ``grad_`` tensors."""
    inputs = [input, offset, mask, weight]
    targets = [grad_input, grad_offset, grad_mask, grad_weight]
    if with_bias:
        inputs.append(bias)
        targets.append(grad_bias)

    def convolve(*tensors: Tensor) -> Tensor:
        return _modulated_deform_conv(*tensors, with_bias=with_bias, **geometry)

    for target, gradient in zip(targets, gradients(convolve, inputs, grad_output), strict=True):
        target.copy_(gradient)


def _modulated_deform_conv(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    with_bias: bool,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    **sizes: int,
) -> Tensor:
    return deform_conv2d(
        at_least_fp32(input),
        at_least_fp32(offset),
        at_least_fp32(weight),
        at_least_fp32(bias) if with_bias and bias is not None else None,
        stride=(stride_h, stride_w),
        padding=(pad_h, pad_w),
        dilation=(dilation_h, dilation_w),
        mask=at_least_fp32(mask),
    )
