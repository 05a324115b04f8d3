from __future__ import annotations

import math
from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmmim.errors import UsageError
from mmmim.registry import MODELS


@MODELS.register_module()
class ViTPyramid(BaseModule):
    """A pyramid of one scale per map of a plain ViT, as FPN-like heads expect it (BEiT, MAE and CAE do the same).

    ====== ======================================
    scale  layers, channels unchanged
    ====== ======================================
    4      ConvT 2x2 /2 - norm - GELU - ConvT 2x2 /2
    2      ConvT 2x2 /2
    1      identity
    1/2    max-pool 2x2 /2
    ====== ======================================

    Other powers of two continue the pattern. Strides come out as ``patch_size / scale``: the default is for
    patches of 16 pixels, ``scales=(2, 1, .5, .25)`` is for 8.

    It takes and returns maps ``(B, in_channels, h, w)``, finest first.

    Args:
        norm_cfg: The default is that of the recipes. SyncBN needs several images per device; ``dict(type='GN',
            num_groups=32)`` is the choice for one or two.
    """

    def __init__(
        self,
        in_channels: int,
        scales: Sequence[float] = (4, 2, 1, 0.5),
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = dict(type="SyncBN", requires_grad=True) if norm_cfg is None else norm_cfg
        self.scales = tuple(scales)
        self.levels = nn.ModuleList(_rescale(in_channels, scale, norm_cfg) for scale in self.scales)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if len(maps) != len(self.levels):
            raise UsageError(
                f"ViTPyramid: {len(maps)} feature maps for {len(self.levels)} scales {self.scales}; "
                "give the backbone as many out_indices as the neck has scales"
            )
        return tuple(level(x) for level, x in zip(self.levels, maps, strict=True))  # (B,C,h*scale,w*scale) each


def octaves_of(scale: float) -> int:
    """Return the base-2 logarithm of a scale: 2 for 4, -1 for 1/2."""
    octaves = math.log2(scale) if scale > 0 else math.nan
    if not octaves.is_integer():
        raise UsageError(f"scales must be powers of two such as 4, 2, 1, 0.5, got {scale}")
    return int(octaves)


def _rescale(channels: int, scale: float, norm_cfg: dict) -> nn.Module:
    from mmcv.cnn import build_norm_layer

    octaves = octaves_of(scale)
    if octaves < 0:
        return nn.MaxPool2d(2**-octaves)
    layers: list[nn.Module] = []
    for _ in range(octaves):
        if layers:
            layers += [build_norm_layer(norm_cfg, channels)[1], nn.GELU()]
        layers.append(nn.ConvTranspose2d(channels, channels, kernel_size=2, stride=2))
    return nn.Sequential(*layers)  # an identity if there are no layers
