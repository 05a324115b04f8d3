from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from timm.layers import DropPath, PatchEmbed
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of

from ..layers import Grid, grid_of
from .base import Encoder, valid_indices

ARCHS: dict[str, dict[str, Any]] = {
    "tiny": dict(embed_dims=192, depth=12, num_heads=3),
    "small": dict(embed_dims=384, depth=12, num_heads=6),
    "base": dict(embed_dims=768, depth=12, num_heads=12),
    "large": dict(embed_dims=1024, depth=24, num_heads=16),
    "huge": dict(embed_dims=1280, depth=32, num_heads=16),
}


class PlainViT(Encoder):
    """A base of the plain Vision Transformers: settings, output types, and positions for other image sizes."""

    out_types = ("raw", "featmap", "cls", "avg")

    depth: int
    num_heads: int
    blocks: nn.ModuleList
    patch_embed: PatchEmbed
    norm: nn.Module
    cls_token: nn.Parameter | None
    pos_embed: nn.Parameter | None
    pos_kind: str
    pretrain_img_size: Grid | None

    def _choose_arch(self, arch: str | dict) -> dict[str, Any]:
        """Set widths and depth, and return them together with the other settings of the architecture."""
        settings = dict(ARCHS[one_of("arch", arch, ARCHS)] if isinstance(arch, str) else arch)
        self.arch = arch if isinstance(arch, str) else settings
        self.embed_dims, self.depth = settings["embed_dims"], settings["depth"]
        self.num_heads = settings["num_heads"]
        if self.embed_dims % self.num_heads:
            raise UsageError(f"arch: embed_dims={self.embed_dims} is not divisible by num_heads={self.num_heads}")
        return settings

    def _valid_indices(self, argument: str, indices: int | Sequence[int]) -> tuple[int, ...]:
        return valid_indices(argument, indices, self.depth, f"depth {self.depth}")

    def freezable(self) -> list[list[nn.Module]]:
        return [[self.patch_embed], *([block] for block in self.blocks[:-1]), [self.blocks[-1], self.norm]]

    def block_list(self) -> list[nn.Module]:
        return list(self.blocks)

    def grid(self, images: Tensor | tuple[int, int]) -> Grid:
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

    def describe(self) -> dict[str, Any]:
        return dict(
            super().describe(),
            depth=self.depth,
            num_heads=self.num_heads,
            pos_embed=self.pos_kind,
            with_cls_token=self.cls_token is not None,
        )

    @classmethod
    def settings_from(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
        arch = {name: meta[name] for name in ("embed_dims", "depth", "num_heads")}
        return dict(
            super().settings_from(meta, state),
            patch_size=tuple(meta["patch_size"]),
            arch=dict(arch, mlp_ratio=mlp_width(state) / meta["embed_dims"]),
            pos_embed=meta["pos_embed"],
            final_norm="norm.weight" in state,
        )


def mlp_width(state: Mapping[str, Tensor]) -> int:
    """Return the hidden width of the MLPs in the blocks of a ViT's state dict."""
    return state["blocks.0.mlp.fc1.weight"].shape[0]
