from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.registry import MODELS

from .vit_pyramid import octaves_of


@MODELS.register_module()
class SimpleFPN(BaseModule):
    """The simple feature pyramid of ViTDet (Li et al., 2022, section 3): every level comes from the last map.

    ====== =================================================
    scale  layers, C channels in
    ====== =================================================
    4      ConvT 2x2 /2 to C/2 - norm - GELU - ConvT 2x2 /2 to C/4
    2      ConvT 2x2 /2 to C/2
    1      identity
    1/2    max-pool 2x2 /2
    ====== =================================================

    Each is followed by 1x1 convolution, norm, 3x3 convolution, norm. Further levels take every second value of the
    level before. Strides come out as ``patch_size / scale``, as in :class:`ViTPyramid`.

    It takes maps ``(B, in_channels, h, w)`` and returns ``num_outs`` maps of ``out_channels``, finest first.

    Args:
        norm_cfg: Default: :class:`~mmmim.models.layers.LN2d`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 256,
        scales: Sequence[float] = (4, 2, 1, 0.5),
        num_outs: int = 5,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.scales = tuple(scales)
        if num_outs < len(self.scales):
            raise UsageError(f"SimpleFPN: num_outs={num_outs} is less than the {len(self.scales)} scales {self.scales}")
        self.num_outs = num_outs
        norm_cfg = dict(type="mmmim.LN2d", eps=1e-6) if norm_cfg is None else norm_cfg
        self.levels = nn.ModuleList(_level(in_channels, out_channels, scale, norm_cfg) for scale in self.scales)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        outs = [level(maps[-1]) for level in self.levels]  # (B,out_channels,h*scale,w*scale) each
        while len(outs) < self.num_outs:
            outs.append(F.max_pool2d(outs[-1], kernel_size=1, stride=2))
        return tuple(outs)


def _level(channels: int, out_channels: int, scale: float, norm_cfg: dict) -> nn.Module:
    from mmcv.cnn import build_norm_layer

    layers: list[nn.Module] = []
    octaves = octaves_of(scale)
    if octaves < 0:
        layers.append(nn.MaxPool2d(2**-octaves))
    for octave in range(octaves):
        if octave:
            layers += [build_norm_layer(norm_cfg, channels)[1], nn.GELU()]
        layers.append(nn.ConvTranspose2d(channels, channels // 2, kernel_size=2, stride=2))
        channels //= 2
    for kernel, width in ((1, channels), (3, out_channels)):
        layers.append(nn.Conv2d(width, out_channels, kernel, padding=kernel // 2, bias=False))
        layers.append(build_norm_layer(norm_cfg, out_channels)[1])
    return nn.Sequential(*layers)
