"""Blocks of a BEiT-style ViT, whose attention covers all tokens or stays inside windows."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import DropPath, LayerNorm
from timm.models import beit
from torch import Tensor, nn

from ..layers import Grid, LeanMlp, crop_offsets, decomposed_attention, full_precision, keep_input, resize_offsets
from .swin_windows import join_heads, split_heads


class Attention(beit.Attention):
    """timm's BEiT attention, which takes the bias of all pairs of tokens or has decomposed positions of its own."""

    window = 0  # attends to all tokens

    def __init__(self, dim: int, num_heads: int, qkv_bias: str) -> None:
        super().__init__(dim, num_heads, qkv_bias=qkv_bias == "qv")
        if qkv_bias == "qkv":
            self.qkv = nn.Linear(dim, 3 * dim)
        self.rel_pos_h: nn.Parameter | None = None
        self.rel_pos_w: nn.Parameter | None = None

    def project(self, x: Tensor, norm: nn.Module | None = None) -> Tensor:  # (...,D) -> (...,3D)
        """Return queries, keys and values of ``x``, or of ``norm(x)``, side by side: ``(..., D) -> (..., 3D)``."""
        parts: Any = (self.q_bias, self.k_bias, self.v_bias)
        weight, bias = self.qkv.weight, self.qkv.bias if self.q_bias is None else torch.cat(parts)
        return F.linear(x, weight, bias) if norm is None else keep_input(norm, x, weight, bias, norm.parameters())

    def heads(self, x: Tensor, norm: nn.Module | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values by head: three tensors ``(B, H, n, d)`` of ``x (B, n, D)``."""
        q, k, v = self.project(x, norm).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        return q, k, v

    def forward(  # type: ignore[override]
        self, x: Tensor, shared_rel_pos_bias: Tensor | None, grid: Grid, norm: nn.Module | None = None
    ) -> Tensor:  # bias (1,H,n,n)
        out = self.attend(*self.heads(x, norm), shared_rel_pos_bias, grid)
        return self.proj(out.transpose(1, 2).flatten(2))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, grid: Grid) -> Tensor:
        """Return ``softmax(q k^T / sqrt(d) + positions) v`` of ``(B, H, n, d)``, from the bias or its own tables."""
        if self.rel_pos_h is None or self.rel_pos_w is None:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        down, right = self.offsets(self.rel_pos_h, grid[0]), self.offsets(self.rel_pos_w, grid[1])
        return decomposed_attention(q, k, v, down, right, grid)

    def offsets(self, table: Tensor, side: int) -> Tensor:
        """Return the decomposed positions ``(2 side - 1, d)`` along one axis of a map with ``side`` tokens."""
        return resize_offsets(table, side)

    def cls_logits(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Return the first token's attention logits ``(B, H, n)``, before the softmax, in fp32 even under autocast."""
        q, k, _ = self.heads(x)
        with full_precision(x.device.type):
            accurate = torch.promote_types(q.dtype, torch.float32)
            row = (q[:, :, :1].to(accurate) * self.scale) @ k.to(accurate).transpose(-2, -1)  # (B,H,1,n)
            return (row if bias is None else row + bias[:, :, :1]).squeeze(2)


class WindowAttention(Attention):
    """Attention inside windows of ``window x window`` tokens, which do not shift.

    Windows at the lower and right border hold only the tokens that are left over, so no token attends to padding.
    """

    def __init__(self, dim: int, num_heads: int, qkv_bias: str, window: int) -> None:
        super().__init__(dim, num_heads, qkv_bias)
        self.window = window

    def forward(  # type: ignore[override]
        self, x: Tensor, shared_rel_pos_bias: Tensor | None, grid: Grid, norm: nn.Module | None = None
    ) -> Tensor:  # bias (1,H,window²,window²)
        rows = _whole_and_rest(self.project(x, norm).unflatten(1, grid), self.window, 1)  # (B,h,w,3D)
        parts = [
            [self._attend_in_windows(part, shared_rel_pos_bias) for part in _whole_and_rest(r, self.window, 2)]
            for r in rows
        ]
        return self.proj(torch.cat([torch.cat(row, 2) for row in parts], 1).flatten(1, 2))

    def _attend_in_windows(self, qkv: Tensor, bias: Tensor | None) -> Tensor:
        """Attend inside windows of one size, which tile this part of the map: ``(B, h, w, 3D) -> (B, h, w, D)``."""
        grid = (qkv.shape[1], qkv.shape[2])
        h, w = min(self.window, grid[0]), min(self.window, grid[1])
        if bias is not None:
            sides = (self.window, self.window)
            bias = bias.unflatten(3, sides).unflatten(2, sides)[:, :, :h, :w, :h, :w].flatten(4).flatten(2, 3)
        q, k, v = (x.flatten(0, 1) for x in split_heads(qkv, (h, w), self.num_heads))  # (B*nW,H,h*w,d)
        out = self.attend(q, k, v, bias, (h, w))
        return join_heads(out.unflatten(0, (qkv.shape[0], -1)), (h, w), grid)

    def offsets(self, table: Tensor, side: int) -> Tensor:
        return crop_offsets(table, side)


def _whole_and_rest(x: Tensor, window: int, dim: int) -> list[Tensor]:
    whole = x.shape[dim] // window * window
    return [part for part in x.split([whole, x.shape[dim] - whole], dim) if part.shape[dim]]


class Block(nn.Module):
    """A pre-norm block with LayerScale, under timm's names."""

    def __init__(
        self, attn: Attention, dim: int, mlp_ratio: float, drop_path: float, layer_scale: float | None
    ) -> None:
        super().__init__()
        self.norm1 = LayerNorm(dim)
        self.attn = attn
        self.drop_path1 = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.norm2 = LayerNorm(dim)
        self.mlp = LeanMlp(dim, int(dim * mlp_ratio))
        self.drop_path2 = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.gamma_1 = nn.Parameter(torch.full((dim,), layer_scale)) if layer_scale else None
        self.gamma_2 = nn.Parameter(torch.full((dim,), layer_scale)) if layer_scale else None

    def forward(self, x: Tensor, bias: Tensor | None, grid: Grid) -> Tensor:
        out = self.attn(x, bias, grid, self.norm1)
        x = x + self.drop_path1(out if self.gamma_1 is None else self.gamma_1 * out)
        out = self.mlp(x, self.norm2)
        return x + self.drop_path2(out if self.gamma_2 is None else self.gamma_2 * out)


@torch.no_grad()
def init_beit_(model: nn.Module, blocks: Any, tokens: list[Tensor], scheme: str) -> None:
    """Initialise the weights by a scheme, ``simmim`` or ``timm``, in place.

    Both schemes divide the output layers of block l by sqrt(2 (l + 1)).
    """
    bound = 0.02 if scheme == "simmim" else 2.0
    for module in model.modules():
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and scheme == "simmim"):
            nn.init.trunc_normal_(module.weight, std=0.02, a=-bound, b=bound)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for token in tokens:
        nn.init.trunc_normal_(token, std=0.02, a=-bound, b=bound)
    for index, block in enumerate(blocks):
        for linear in (block.attn.proj, block.mlp.fc2):
            linear.weight.div_((2 * index + 2) ** 0.5)
