from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from timm.models.resnet import BasicBlock, Bottleneck, make_blocks
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import PatchMask
from .resnet_timm import output_stride_of, resnet
from .staged import StagedEncoder
from .timm_model import TimmModel

BLOCKS: dict[str, Any] = dict(basic=BasicBlock, bottleneck=Bottleneck)
ARCHS: dict[int, dict[str, Any]] = {
    18: dict(block="basic", depths=(2, 2, 2, 2)),
    34: dict(block="basic", depths=(3, 4, 6, 3)),
    50: dict(block="bottleneck", depths=(3, 4, 6, 3)),
    101: dict(block="bottleneck", depths=(3, 4, 23, 3)),
    152: dict(block="bottleneck", depths=(3, 8, 36, 3)),
}


@MODELS.register_module()
class ResNet(StagedEncoder):
    """ResNet (`He et al., 2016`; stride in the 3x3 convolution), ``width`` times as wide.

    SimMIM (x4, appendix E) and CIM (x1, x2, x4) pre-train it.

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
        zero_init_last: Start each block as its shortcut, with the last norm's weight at 0.
        mask_mode: ``replace``, or None for downstream use: no mask token.
        out_type: Cells ``raw (B, h*w, D)``, map ``featmap (B, D, h, w)`` or mean ``avg (B, D)``.
        out_indices: 0-based stages whose output is returned.
        output_stride: 32; 16 or 8 dilate the last stages instead of striding (dense tasks).
        frozen_stages: -1 freezes nothing, k the stem and the first k stages, 4 the whole encoder, which then runs
            without gradients.
        norm_eval: Use the running statistics of BatchNorm in training too, and do not update them.
        with_cp: Recompute blocks in the backward pass to save memory.
    """

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
        super().__init__(
            img_size=img_size,
            patch_size=4,
            in_channels=in_channels,
            mask_mode=mask_mode,
            out_type=out_type,
            with_cp=with_cp,
            init_cfg=init_cfg,
        )
        settings = dict(depth if isinstance(depth, dict) else ARCHS[one_of("depth", depth, ARCHS)])
        self.arch = settings if isinstance(depth, dict) else f"resnet{depth}"
        block = BLOCKS[one_of("depth.block", settings["block"], BLOCKS)]
        self.depths: tuple[int, ...] = tuple(settings["depths"])
        if len(self.depths) != self.num_stages:
            raise UsageError(f"depth: depths={self.depths} must name {self.num_stages} stages")
        self.width = width
        self.channels = settings.get("channels", 64) * width
        self.stem = one_of("stem", stem, ("7x7", "3x3"))
        self.output_stride = one_of("output_stride", output_stride, (32, 16, 8))
        dims = [(self.channels << stage) * block.expansion for stage in range(self.num_stages)]
        self.choose_outputs(dims, out_indices, output_stride)
        self.norm_eval = norm_eval

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
        self._init_parameters(zero_init_last)
        self.freeze(frozen_stages)

    # ---------------------------------------------------------------- building

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
        """Return the four stages, ``layer1`` to ``layer4``."""
        return [getattr(self, f"layer{stage + 1}") for stage in range(self.num_stages)]

    def freezable(self) -> list[list[nn.Module]]:
        return [[self.conv1, self.bn1], *([stage] for stage in self.stages)]

    def block_list(self) -> list[nn.Module]:
        return [block for stage in self.stages for block in stage]

    def train(self, mode: bool = True) -> ResNet:
        super().train(mode)
        for module in self.modules() if self.norm_eval else []:
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    # ---------------------------------------------------------------- encoding

    def embed(self, images: Tensor, mask: PatchMask | None = None) -> Tensor:
        """Return the stem's map ``(B, C, ceil(H/4), ceil(W/4))``; cells of hidden patches are the mask token."""
        cells = self.maxpool(self.act1(self.bn1(self.conv1(images))))
        if mask is None:
            return cells
        token = self.checked_mask_token(mask, self.grid(images))
        return torch.where(mask.mask.unsqueeze(1), token.to(cells.dtype).view(1, -1, 1, 1), cells)

    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        for block in self.stages[stage]:
            x = self.run(block, x)
        return x

    # ---------------------------------------------------------------- from a checkpoint

    def describe(self) -> dict[str, Any]:
        return dict(
            super().describe(),
            width=self.width,
            stem=self.stem,
            output_stride=self.output_stride,
            embed_dims=self.stage_dims[-1],
            depths=list(self.depths),
        )

    @classmethod
    def settings_from(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
        arch = meta["arch"]
        return dict(
            super().settings_from(meta, state),
            depth=int(arch.removeprefix("resnet")) if isinstance(arch, str) else arch,
            width=meta["width"],
            stem=meta["stem"],
            output_stride=output_stride_of(meta),
            mask_mode=None,
        )

    @classmethod
    def timm_model(
        cls, meta: Mapping[str, Any], state: Mapping[str, Tensor], pool: str | None = None, fc_norm: bool = False
    ) -> TimmModel:
        return resnet(meta, dict(state), fc_norm)
