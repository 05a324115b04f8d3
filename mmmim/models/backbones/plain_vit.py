from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from timm.layers import DropPath
from torch import Tensor, nn

from mmmim.errors import UsageError

from ..layers import Grid, grid_of
from .freezing import FreezableEncoder


class PlainViT(FreezableEncoder):
    """What the plain Vision Transformers share: output types, layer ids."""

    depth: int
    num_prefix: int
    out_type: str
    patch_size: tuple[int, int]
    cls_token: nn.Parameter | None
    mask_token: nn.Parameter | None
    pos_embed: nn.Parameter | None

    def _valid_indices(self, argument: str, indices: int | Sequence[int]) -> tuple[int, ...]:
        listed = [indices] if isinstance(indices, int) else list(indices)
        if bad := [i for i in listed if not -self.depth <= i < self.depth]:
            raise UsageError(f"{argument}={bad} out of range for depth {self.depth} (0-based)")
        return tuple(sorted({i % self.depth for i in listed}))

    @property
    def freezable_stages(self) -> int:
        return self.depth

    def _frozen_tokens(self) -> list[nn.Parameter | None]:
        return [self.cls_token, self.mask_token, self.pos_embed]

    def grid(self, images: Tensor) -> Grid:
        return grid_of(images, self.patch_size, self._padding if self.out_type == "featmap" else "")

    @property
    def _padding(self) -> str:
        side = math.lcm(*self.patch_size)
        return (
            f"pad them: data_preprocessor.pad_size_divisor={side} in MMDetection; in MMSegmentation "
            f"data_preprocessor.size_divisor={side}, and test_cfg=dict(size_divisor={side}) for testing"
        )

    def _format(self, x: Tensor, grid: Grid) -> Tensor:
        if self.out_type == "raw":
            return x
        if self.out_type == "cls":
            return x[:, 0]
        patches = x[:, self.num_prefix :]
        if self.out_type == "avg":
            return patches.mean(1)
        return patches.transpose(1, 2).unflatten(2, grid).contiguous()

    def _check_cls_logits(self, layers: Sequence[int]) -> None:
        if self.cls_token is None:
            raise UsageError(
                f"cls_logits: this {type(self).__name__} has no class token (with_cls_token=False, or windows)"
            )
        if bad := [i for i in layers if not 0 <= i < self.depth]:
            raise UsageError(f"layers={bad} out of range for depth {self.depth} (0-based)")

    @contextmanager
    def _without_drop_path(self) -> Iterator[None]:
        dropping = [m for m in self.modules() if isinstance(m, DropPath) and m.training]
        for module in dropping:
            module.eval()
        yield
        for module in dropping:
            module.train()

    def get_layer_depth(self, param_name: str, prefix: str = "") -> tuple[int, int]:
        """Layer id for layer-wise lr decay: stem 0, block i -> i+1, the rest depth+1; and the number of ids."""
        num_layers = self.depth + 2
        name = param_name.removeprefix(prefix)
        if name.startswith(("patch_embed", "cls_token", "mask_token", "pos_embed")):
            return 0, num_layers
        if name.startswith("blocks."):
            return int(name.split(".")[1]) + 1, num_layers
        return num_layers - 1, num_layers
