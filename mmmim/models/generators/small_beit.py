from __future__ import annotations

import torch
from torch import Tensor

from mmmim.errors import UsageError

from ..backbones.beit_vit import BEiTViT
from ..layers import PatchMask, resize_pos_embed, take


class SmallBEiT(BEiTViT):
    """CIM's small BEiT: a plain ViT with learned positions that encodes an image and returns its hidden patches only.

    Args:
        share_layers: With k > 0 the patch embedding and the first k blocks are another encoder's. They are passed to
            every call and belong to that encoder only, so that they appear once in state dicts and optimizers.
    """

    def __init__(
        self,
        embed_dims: int,
        depth: int,
        num_heads: int,
        share_layers: int,
        img_size: int | tuple[int, int],
        patch_size: int | tuple[int, int],
        in_channels: int,
    ) -> None:
        super().__init__(
            dict(embed_dims=embed_dims, depth=depth, num_heads=num_heads),
            img_size,
            patch_size,
            in_channels,
            rel_pos="none",
            pos_embed="learned",
            layer_scale=None,
            qkv_bias="qkv",
        )
        if not 0 <= share_layers < depth:
            raise UsageError(f"share_layers={share_layers} must lie in 0..{depth - 1}: the generator has depth={depth}")
        self.share_layers = share_layers
        if share_layers:
            del self.patch_embed
            self.blocks = self.blocks[share_layers:]

    def forward(self, images: Tensor, mask: PatchMask, lender: BEiTViT | None = None) -> Tensor:  # type: ignore[override]
        """Return the features ``(B, K, D)`` of the hidden patches of ``images (B, C, H, W)``."""
        if bool(self.share_layers) != (lender is not None):
            raise UsageError(f"share_layers={self.share_layers}, but {'no' if lender is None else 'an'} encoder lends")
        grid, stem = self.grid(images), self if lender is None else lender
        x = self._hide(stem.patch_embed(images), mask, grid)
        assert self.cls_token is not None and self.pos_embed is not None
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = x + resize_pos_embed(self.pos_embed, self.grid_size, grid, self.num_prefix)
        lent = [] if lender is None else list(lender.blocks[: self.share_layers])
        for block in (*lent, *self.blocks):
            x = block(x, None, grid)
        return self.norm(take(x[:, 1:], mask.hidden))
