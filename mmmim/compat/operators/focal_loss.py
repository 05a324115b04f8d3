"""Sigmoid focal loss (Lin et al., Focal Loss for Dense Object Detection, eq. 5), per class, and its gradient.

With ``z`` the logit of the right answer, ``x`` where a class is the target's and ``-x`` where it is not, and
``p = sigmoid(z)``: ``FL = -a (1 - p)^gamma log p``. Targets outside of the classes are background.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mmmim.precision import at_least_fp32


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, *, gamma: float, alpha: float
) -> None:
    """Write the loss of logits ``input (N,C)`` and classes ``target (N,)`` into ``output (N,C)``."""
    _, z, factor = _signed_logits(input, target, weight, alpha)
    output.copy_(-factor * torch.sigmoid(-z) ** gamma * F.logsigmoid(z))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, *, gamma: float, alpha: float
) -> None:
    """Write the derivative of each loss by its logit into ``grad_input (N,C)``: appendix B, in ``z``."""
    sign, z, factor = _signed_logits(input, target, weight, alpha)
    p, missing = torch.sigmoid(z), torch.sigmoid(-z)
    grad_input.copy_(sign * factor * missing**gamma * (gamma * p * F.logsigmoid(z) - missing))


def _signed_logits(input: Tensor, target: Tensor, weight: Tensor, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the signs (``+1`` for the target's class, else ``-1``), ``z``, and the factor ``a``; all ``(N, C)``."""
    logits = at_least_fp32(input)
    is_target = target[:, None] == torch.arange(logits.shape[1], device=logits.device)  # (N, C)
    sign = is_target.to(logits.dtype) * 2 - 1
    factor = torch.where(is_target, alpha, 1 - alpha).to(logits.dtype)
    if weight.numel():  # a weight per class, chosen by the target
        factor = factor * weight.to(logits.dtype)[target][:, None]
    return sign, logits * sign, factor
