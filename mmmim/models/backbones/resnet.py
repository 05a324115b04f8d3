from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from timm.models.resnet import BasicBlock, Bottleneck, make_blocks
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import Grid, PatchMask, grid_of, to_pair
from .freezing import FreezableEncoder

BLOCKS: dict[str, Any] = dict(basic=BasicBlock, bottleneck=Bottleneck)
ARCHS: dict[int, dict[str, Any]] = {
    18: dict(block="basic", depths=(2, 2, 2, 2)),
    34: dict(block="basic", depths=(3, 4, 6, 3)),
    50: dict(block="bottleneck", depths=(3, 4, 6, 3)),
    101: dict(block="bottleneck", depths=(3, 4, 23, 3)),
    152: dict(block="bottleneck", depths=(3, 8, 36, 3)),
}


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """A second forward pass of the same batch leaves the running statistics of BatchNorm alone."""
    norms: list[Any] = [m for m in block.modules() if isinstance(m, _BatchNorm)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, batches) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, batches


def _recompute(block: nn.Module, x: Tensor) -> Tensor:
    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _statistics_kept(block)

    return checkpoint(block, x, use_reentrant=False, context_fn=contexts)


@MODELS.register_module()
class ResNet(FreezableEncoder):
    """ResNet (`He et al., 2016`; stride in the 3x3 convolution), ``width`` times as wide, as SimMIM (x4, appendix E)
    and CIM (x1, x2, x4) pre-train it.

    A mask token replaces the cells of hidden patches in the stride-4 map after the stem. A little of a hidden patch
    leaks: a cell of the ``3x3`` stem also sees one pixel row above it and one column to its left (``7x7``: five, and
    two below and to the right), and in training the stem's norm averages over all cells.
    Parameters carry the names of timm and torchvision: without the mask token, the state dict of width 1 with the
    ``7x7`` stem loads strictly into their models once ``fc`` is an identity.

    Args:
        depth: 18, 34, 50, 101, 152 or ``dict(block, depths, channels=64)`` with block ``basic`` or ``bottleneck``.
        width: Factor on all channels, the stem's too.
        stem: ``7x7`` convolution and 3x3 max-pooling, or SimMIM's ``3x3`` convolution and 2x2 max-pooling.
        norm: ``bn`` per process, or ``syncbn`` over all processes.
        zero_init_last: Blocks start as their shortcut: the last norm's weight is 0.
        mask_mode: ``replace``, or None for downstream use: no mask token.
        out_type: Cells ``raw (B, h*w, D)``, map ``featmap (B, D, h, w)`` or mean ``avg (B, D)``.
        out_indices: 0-based stages whose output is returned.
        output_stride: 32; 16 or 8 dilate the last stages instead of striding (dense tasks).
        frozen_stages: -1 nothing, k the stem and the first k stages, 4 the whole encoder, without graph.
        norm_eval: Running statistics of BatchNorm are used and kept in training too.
        with_cp: Recompute blocks in the backward pass to save memory.
    """

    num_prefix = 0
    num_stages = 4

    def __init__(
        self,
        depth: int | dict = 50,
        width: int = 1,
        img_size: int | tuple[int, int] = 224,
        in_channels: int = 3,
        stem: str = "7x7",
        norm: str = "bn",
        zero_init_last: bool = True,
        mask_mode: str | None = "replace",
        out_type: str = "raw",
        out_indices: int | Sequence[int] = -1,
        output_stride: int = 32,
        drop_path_rate: float = 0.0,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        settings = dict(depth if isinstance(depth, dict) else ARCHS[one_of("depth", depth, ARCHS)])
        self.arch = settings if isinstance(depth, dict) else f"resnet{depth}"
        block = BLOCKS[one_of("depth.block", settings["block"], BLOCKS)]
        self.depths: tuple[int, ...] = tuple(settings["depths"])
        if len(self.depths) != self.num_stages:
            raise UsageError(f"depth: depths={self.depths} must name {self.num_stages} stages")
        self.width = width
        self.channels = settings.get("channels", 64) * width
        self.img_size = to_pair(img_size)
        self.patch_size = (4, 4)
        self.in_channels = in_channels
        self.stem = one_of("stem", stem, ("7x7", "3x3"))
        self.mask_mode = one_of("mask_mode", mask_mode, ("replace", None))
        self.out_type = one_of("out_type", out_type, ("raw", "featmap", "avg"))
        self.out_indices = self._valid_indices(out_indices)
        self.output_stride = one_of("output_stride", output_stride, (32, 16, 8))
        last = self.out_indices[-1]
        self.stage_dims = [(self.channels << stage) * block.expansion for stage in range(self.num_stages)]
        self.embed_dims = self.stage_dims[last]
        self.stride = to_pair(min(4 << last, output_stride))
        self.grid_size = grid_of(torch.empty(1, 1, *self.img_size, device="meta"), self.patch_size)
        self.norm_eval, self.with_cp = norm_eval, with_cp

        norm_layer = dict(bn=nn.BatchNorm2d, syncbn=nn.SyncBatchNorm)[one_of("norm", norm, ("bn", "syncbn"))]
        kernel = 7 if stem == "7x7" else 3
        self.conv1 = nn.Conv2d(in_channels, self.channels, kernel, stride=2, padding=kernel // 2, bias=False)
        self.bn1 = norm_layer(self.channels)
        self.act1 = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if stem == "7x7" else nn.MaxPool2d(2)
        self.mask_token = nn.Parameter(torch.zeros(self.channels)) if mask_mode else None
        stages, _ = make_blocks(
            (block,) * self.num_stages,
            tuple(self.channels << stage for stage in range(self.num_stages)),
            self.depths,
            self.channels,
            output_stride=output_stride,
            drop_path_rate=drop_path_rate,
            norm_layer=norm_layer,
        )
        for name, stage in stages:
            self.add_module(name, stage)
        self.pretrain_only = ("mask_token",)
        self.downstream_only: tuple[str, ...] = ()

        self._init_parameters(zero_init_last)
        self.frozen_stages = frozen_stages
        self._freeze()
        self.register_load_state_dict_pre_hook(_drop_mask_token)

    # ---------------------------------------------------------------- building

    def _valid_indices(self, indices: int | Sequence[int]) -> tuple[int, ...]:
        listed = [indices] if isinstance(indices, int) else list(indices)
        if not listed or (bad := [i for i in listed if not -self.num_stages <= i < self.num_stages]):
            raise UsageError(f"out_indices={listed and bad} out of range for {self.num_stages} stages (0-based)")
        return tuple(sorted(i % self.num_stages for i in listed))

    def _init_parameters(self, zero_init_last: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init_last and isinstance(module, (BasicBlock, Bottleneck)):
                module.zero_init_last()
        if self.mask_token is not None:
            nn.init.trunc_normal_(self.mask_token, std=0.02)

    @property
    def stages(self) -> list[nn.Sequential]:
        return [getattr(self, f"layer{stage + 1}") for stage in range(self.num_stages)]

    def _frozen_modules(self) -> list[nn.Module]:
        return [self.conv1, self.bn1, *self.stages[: self.frozen_stages]] if self.frozen_stages >= 0 else []

    def _frozen_tokens(self) -> list[nn.Parameter | None]:
        return [self.mask_token]

    @property
    def freezable_stages(self) -> int:
        return self.num_stages

    def train(self, mode: bool = True) -> ResNet:
        super().train(mode)
        for module in self.modules() if self.norm_eval else []:
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    # ---------------------------------------------------------------- encoding

    def grid(self, images: Tensor) -> Grid:
        return grid_of(images, self.patch_size)

    def embed(self, images: Tensor, mask: PatchMask | None = None) -> Tensor:
        """Map after the stem ``(B, C, ceil(H/4), ceil(W/4))``, the mask token in the cells of hidden patches."""
        if images.shape[1] != self.in_channels:
            raise UsageError(f"images have {images.shape[1]} channels, the backbone has in_channels={self.in_channels}")
        cells = self.maxpool(self.act1(self.bn1(self.conv1(images))))
        if mask is None:
            return cells
        if self.mask_token is None:
            raise UsageError("a mask needs the mask token; set backbone.mask_mode='replace'")
        if mask.grid != self.grid(images):
            raise ValueError(f"mask grid {mask.grid} does not fit the image's grid of cells {self.grid(images)}")
        return torch.where(mask.mask.unsqueeze(1), self.mask_token.to(cells.dtype).view(1, -1, 1, 1), cells)

    def forward(self, images: Tensor, mask: PatchMask | None = None) -> tuple[Tensor, ...]:
        """``images (B, C, H, W)`` -> one output of ``out_type`` per stage in ``out_indices``."""
        frozen = self.frozen_stages >= self.num_stages
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            x, outputs = self.embed(images, mask), []
            for index, stage in enumerate(self.stages[: self.out_indices[-1] + 1]):
                for block in stage:
                    recompute = self.with_cp and torch.is_grad_enabled() and x.requires_grad
                    x = _recompute(block, x) if recompute else block(x)
                if index in self.out_indices:
                    outputs.append(self._format(x))
        return tuple(outputs)

    def _format(self, x: Tensor) -> Tensor:
        if self.out_type == "raw":
            return x.flatten(2).transpose(1, 2)  # (B,h*w,D)
        return x.mean((2, 3)) if self.out_type == "avg" else x

    # ---------------------------------------------------------------- protocols

    def get_layer_depth(self, param_name: str, prefix: str = "") -> tuple[int, int]:
        """Layer id for layer-wise lr decay, counted in blocks: stem 0, block i -> i+1; and the number of ids."""
        num_layers = sum(self.depths) + 2
        name = param_name.removeprefix(prefix)
        if name.startswith(("conv1", "bn1", "mask_token")):
            return 0, num_layers
        if not name.startswith("layer"):
            return num_layers - 1, num_layers
        stage, block, *_ = name.removeprefix("layer").split(".")
        return sum(self.depths[: int(stage) - 1]) + int(block) + 1, num_layers

    def describe(self) -> dict[str, Any]:
        """Plain facts stored in a checkpoint's ``meta['mmmim']``."""
        return dict(
            backbone="ResNet",
            arch=self.arch,
            width=self.width,
            stem=self.stem,
            output_stride=self.output_stride,
            embed_dims=self.stage_dims[-1],
            depths=list(self.depths),
            img_size=list(self.img_size),
            patch_size=list(self.patch_size),
            in_channels=self.in_channels,
        )


def _drop_mask_token(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Load hook: a mask token in the file does not count where there is none."""
    if getattr(module, "mask_token", None) is None:
        state_dict.pop(prefix + "mask_token", None)
