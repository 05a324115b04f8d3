"""The two halves of a convolution at chosen places of one image (guided anchoring), before and after the product."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def masked_im2col_forward(
    features: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    data_col: Tensor,
    *,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Write the patches of ``features (1,C,H,W)`` at the places ``(K,)`` into ``data_col (C*kh*kw, K)``."""
    width = features.shape[3] + 2 * pad_w - kernel_w + 1
    patches = F.unfold(features, (kernel_h, kernel_w), padding=(pad_h, pad_w))[0]  # (C*kh*kw, h*w)
    data_col.copy_(patches[:, mask_h_idx * width + mask_w_idx])


def masked_col2im_forward(
    col: Tensor, mask_h_idx: Tensor, mask_w_idx: Tensor, output: Tensor, *, height: int, width: int, channels: int
) -> None:
    """Write ``col (O, K)`` to the places ``(K,)`` of ``output (1,O,H,W)``."""
    output[0, :, mask_h_idx, mask_w_idx] = col
