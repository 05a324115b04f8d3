from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from ..backbones.swin import SwinV1Block, WindowAttention
from ..layers import Grid, PatchMask, patchify, take, to_pair, unpatchify
from .base import GridNeck


@MODELS.register_module()
class InverseSwinDecoder(GridNeck):
    """A Swin Transformer upside down as prediction head (SimMIM, Table 2).

    Tokens are widened to 8C, then four stages of Swin blocks double the resolution and halve the width; a last
    expansion reaches the pixels. The paper gives no inner structure: this one was fitted to its totals of 115.2M
    (C=96) and 174.8M (C=128) parameters with Swin-B, and may differ from the authors'.

    Args:
        in_dims, out_dims, grid, patch_size: Encoder width, values per patch, patches, and pixels per patch.
        dims: C, width of the finest stage.
        depths, num_heads: Coarsest stage first.
    """

    input_tokens = "all"

    def __init__(
        self,
        in_dims: int,
        out_dims: int,
        grid: Grid,
        patch_size: int | tuple[int, int] = 32,
        dims: int = 96,
        depths: Sequence[int] = (2, 6, 2, 2),
        num_heads: Sequence[int] = (24, 12, 6, 3),
        window_size: int = 6,
        num_prefix: int = 0,
    ) -> None:
        super().__init__()
        self.grid, self.patch_size, self.num_prefix = grid, to_pair(patch_size), num_prefix
        doublings = 2 ** (len(depths) - 1)
        self.expansion = self.patch_size[0] // doublings, self.patch_size[1] // doublings
        area = self.patch_size[0] * self.patch_size[1]
        if out_dims % area or any(side % doublings for side in self.patch_size):
            raise UsageError(
                f"InverseSwinDecoder predicts every pixel of patches of {self.patch_size}: out_dims={out_dims} must be "
                f"a multiple of {area}, and the patch of {doublings}; use downsample=1 or a LinearDecoder"
            )
        self.project = nn.Linear(in_dims, dims * doublings)
        self.stages = nn.ModuleList()
        self.splits = nn.ModuleList()
        for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            width, side = dims * doublings >> stage, min(grid) << stage
            window = min(window_size, side)
            shift = window // 2 if side > window else 0
            self.stages.append(
                nn.Sequential(
                    *(
                        SwinV1Block(
                            WindowAttention(width, heads, window_size=(window, window)),
                            width,
                            (window, window),
                            (shift, shift) if block % 2 else (0, 0),
                            drop_path=0.0,
                        )
                        for block in range(depth)
                    )
                )
            )
            if stage < len(depths) - 1:
                self.splits.append(PatchSplit(width, (2, 2), width // 2))
        self.splits.append(PatchSplit(dims, self.expansion, dims))
        self.norm = nn.LayerNorm(dims)
        self.pred = nn.Linear(dims, out_dims // area)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(
        self, latent: Tensor, mask: PatchMask | None = None, where: Tensor | None = None, grid: Grid | None = None
    ) -> Tensor:
        """Return predictions ``(B, n, T)`` at the patches ``where (B, n)``, or at all, from ``latent (B, P+N, D)``.

        On another ``grid`` of patches windows keep their size, and maps are padded to whole windows.
        """
        x = self.project(latent[:, self.num_prefix :]).unflatten(1, grid or self.grid)  # (B,h,w,8C)
        for stage, split in zip(self.stages, self.splits, strict=True):
            x = split(stage(x))
        pixels = self.pred(self.norm(x)).permute(0, 3, 1, 2)  # (B,3,H,W)
        patches = patchify(pixels, self.patch_size)  # (B,N,T)
        return patches if where is None else take(patches, where)


class PatchSplit(nn.Module):
    """A norm, a linear layer, and channels to space: ``(B, H, W, C) -> (B, rows*H, columns*W, out_dims)``."""

    def __init__(self, dims: int, factor: Grid, out_dims: int) -> None:
        super().__init__()
        self.factor = factor
        self.norm = nn.LayerNorm(dims)
        self.expand = nn.Linear(dims, factor[0] * factor[1] * out_dims, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        grid = (x.shape[1], x.shape[2])
        cells = self.expand(self.norm(x)).flatten(1, 2)  # (B,N,rows*columns*C)
        return unpatchify(cells, self.factor, grid).permute(0, 2, 3, 1)
