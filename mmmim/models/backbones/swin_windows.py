"""Windows of a token map: their sizes, their shift mask, and attention inside them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers import Grid

ATTN_IMPLS = ("auto", "explicit", "sdpa")


def axis_windows(cells: int, window: int, num_stages: int) -> list[int]:
    """Return each stage's window along an axis of ``cells`` tokens: ``window``, or the whole axis if it is smaller."""
    return [min(window, cells >> stage) for stage in range(num_stages)]


def tiles(cells: int, windows: list[int]) -> bool:
    """Return whether every stage's windows tile the axis, which halves from stage to stage."""
    return all(cells % (1 << stage) == 0 and (cells >> stage) % max(w, 1) == 0 for stage, w in enumerate(windows))


def nearest(cells: float, fits: Callable[[int], bool]) -> int:
    """Return the whole number of cells nearest to ``cells`` that ``fits`` accepts."""
    start = round(cells)
    return next(n for step in count() for n in (start - step, start + step) if n > 0 and fits(n))


def shift_mask(grid: Grid, window: Grid, shift: Grid, device: torch.device, dtype: torch.dtype) -> Tensor | None:
    """Return the mask of a cyclic shift, ``(nW, N, N)``, or None if nothing is shifted.

    It is -100 between tokens of a window that the shift brought together, 0 elsewhere. -100, not -inf, as published: it
    stays finite in fp16 and a row is never empty. Every block computes it again, which is cheap compared with the bias
    of all heads that it is added to; cached masks would fill the device's memory if images have many sizes.
    """
    if not any(shift):
        return None
    rows, columns = (_from_opposite_ends(*axis, device) for axis in zip(grid, window, shift, strict=True))
    separated = rows[:, None, :, None, :, None] | columns[:, None, :, None]  # (nh,nw,wh,ww,wh,ww)
    area = window[0] * window[1]
    return torch.zeros(len(rows) * len(columns), area, area, device=device, dtype=dtype).masked_fill_(
        separated.view(-1, area, area), -100.0
    )


def _from_opposite_ends(cells: int, window: int, shift: int, device: torch.device) -> Tensor:
    """Return ``(n, w, w)`` bool for the n windows of an axis: True between cells of opposite ends of the map."""
    place = torch.arange(cells, device=device).view(-1, window)
    wrapped = place >= cells - shift  # in the last window only
    return wrapped[:, :, None] != wrapped[:, None]


def split_heads(qkv: Tensor, window: Grid, num_heads: int) -> list[Tensor]:
    """Return query, key and value ``(B, nW, heads, N, d)`` of ``(B, H, W, 3*heads*d)``, with one copy each.

    They are three chunks, not one stacked tensor, so that their gradients are written side by side in a single pass.
    """
    (wh, ww), (height, width) = window, qkv.shape[1:3]
    parts = (x.unflatten(2, (width // ww, ww)).unflatten(1, (height // wh, wh)) for x in qkv.chunk(3, -1))
    heads = (x.unflatten(-1, (num_heads, -1)).permute(0, 1, 3, 5, 2, 4, 6) for x in parts)  # (B,nh,nw,heads,wh,ww,d)
    return [x.flatten(4, 5).flatten(1, 2).contiguous() for x in heads]


def join_heads(x: Tensor, window: Grid, grid: Grid) -> Tensor:
    """Return ``(B, H, W, heads*d)`` of ``(B, nW, heads, N, d)``, with one copy."""
    (wh, ww), (height, width) = window, grid
    parts = x.unflatten(3, (wh, ww)).unflatten(1, (height // wh, width // ww))  # (B,nh,nw,heads,wh,ww,d)
    return parts.permute(0, 1, 4, 2, 5, 3, 6).reshape(x.shape[0], height, width, -1)


def window_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, scale: float, impl: str = "auto") -> Tensor:
    """Return ``softmax(scale * q k^T + bias) v`` of ``(B, nW, heads, N, d)``; the bias is ``(1 or nW, heads, N, N)``.

    ``auto`` is explicit on the CPU, whose fused kernel takes no bias that needs a gradient, and fused elsewhere.
    """
    if impl == "explicit" or (impl == "auto" and q.device.type == "cpu"):
        weights = torch.add(bias, q @ k.transpose(-2, -1), alpha=scale).softmax(-1)
        return weights.to(v.dtype) @ v
    shape, fold = q.shape, (0, 1) if len(bias) == 1 else (1, 2)  # windows join the batch, or the heads if biases differ
    q, k, v = (x.flatten(*fold) for x in (q, k, v))  # (B*nW,heads,N,d) or (B,nW*heads,N,d)
    bias = bias.to(q.dtype).flatten(0, 1).unsqueeze(0)  # one for the batch: the kernel may copy it to align its rows
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale).view(shape)
