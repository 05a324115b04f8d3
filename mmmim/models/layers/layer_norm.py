from __future__ import annotations

from timm.layers import LayerNorm2d

from mmmim.registry import MODELS


@MODELS.register_module()
class LN2d(LayerNorm2d):
    """A layer norm over the channels of a map ``(B, C, H, W)``, at each position (ViTDet).

    It works wherever MMCV takes a norm: ``norm_cfg=dict(type='mmmim.LN2d', eps=1e-6)``. MMCV's default is ``eps=1e-5``.
    """

    _abbr_ = "ln"
