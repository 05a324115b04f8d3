from __future__ import annotations

import torch
from timm.layers import LayerNorm
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import FIXED_POSITIONS, Grid, LeanBlock, PatchMask, resize_pos_embed, take
from ..layers.init import xavier_linear_
from .base import GridNeck


@MODELS.register_module()
class MAEDecoder(GridNeck):
    """A light transformer that predicts patches from visible tokens and mask tokens (`He et al., 2022`).

    Args:
        in_dims: Encoder width D.
        out_dims: Values per patch T.
        grid: Patch grid of the pre-training images; others interpolate the fixed positions.
        dims, depth, num_heads, mlp_ratio: Sizes of the decoder; ccMIM takes two layers, MAE eight.
        use_mask_token: False for tasks that hide nothing.
        pos_embed: Fixed positions, ``sincos`` over rows and columns or ``sincos1d`` over the raster index.
    """

    input_tokens = "visible"

    def __init__(
        self,
        in_dims: int,
        out_dims: int,
        grid: Grid,
        dims: int = 512,
        depth: int = 8,
        num_heads: int = 16,
        mlp_ratio: float = 4.0,
        num_prefix: int = 1,
        use_mask_token: bool = True,
        pos_embed: str = "sincos",
    ) -> None:
        super().__init__()
        if dims % num_heads:
            raise UsageError(f"dims={dims} is not divisible by num_heads={num_heads}")
        if depth < 1:
            raise UsageError(f"depth={depth} must be at least 1")
        self.in_dims, self.out_dims, self.num_prefix = in_dims, out_dims, num_prefix
        self.grid: Grid = (grid[0], grid[1])
        self.decoder_embed = nn.Linear(in_dims, dims)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dims)) if use_mask_token else None
        positions = FIXED_POSITIONS[one_of("pos_embed", pos_embed, FIXED_POSITIONS)]
        self.decoder_pos_embed = nn.Parameter(positions(grid, dims, num_prefix), requires_grad=False)
        self.decoder_blocks = nn.ModuleList(LeanBlock(dims, num_heads, mlp_ratio) for _ in range(depth))
        self.decoder_norm = LayerNorm(dims)
        self.decoder_pred = nn.Linear(dims, out_dims)
        xavier_linear_(self)
        if self.mask_token is not None:
            nn.init.normal_(self.mask_token, std=0.02)

    def forward(
        self, latent: Tensor, mask: PatchMask | None = None, where: Tensor | None = None, grid: Grid | None = None
    ) -> Tensor:
        """Return predictions ``(B, n, T)`` at the ids ``where (B, n)``, or at all N, from ``latent (B, P+Nv, D)``.

        With ``where`` the last block computes queries, MLP and prediction for those patches only (exact). ``grid`` is
        that of the patches if there is no mask to give it; default: that of the pre-training images.
        """
        x = self.decoder_embed(latent)  # (B,P+Nv,d)
        if mask is not None:
            x, grid = self._restore(x, mask), mask.grid  # (B,P+N,d)
        x = x + resize_pos_embed(self.decoder_pos_embed, self.grid, grid or self.grid, self.num_prefix)
        for block in self.decoder_blocks[:-1]:
            x = block(x)

        def wanted(tokens: Tensor) -> Tensor:
            patches = tokens[:, self.num_prefix :]
            return patches if where is None else take(patches, where)

        x = self.decoder_blocks[-1](x, wanted)  # (B,n,d)
        return self.decoder_pred(self.decoder_norm(x))

    def _restore(self, x: Tensor, mask: PatchMask) -> Tensor:
        """Return visible tokens and mask tokens in raster order."""
        prefix, patches = x[:, : self.num_prefix], x[:, self.num_prefix :]
        if self.mask_token is not None:  # also used if nothing is hidden: data parallel training needs its gradient
            fill = self.mask_token.to(x.dtype).expand(len(x), mask.num_hidden, -1)
            patches = torch.cat([patches, fill], 1)  # (B,N,d)
        elif mask.num_hidden:
            raise UsageError("MAEDecoder(use_mask_token=False) cannot fill hidden patches; set use_mask_token=True")
        return torch.cat([prefix, take(patches, mask.ids_restore)], 1)
