from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from mmmim.errors import UsageError
from mmmim.models.target_generators import PixelTarget
from mmmim.registry import MODELS


@MODELS.register_module()
class LowPassTarget(PixelTarget):
    """Pixels of the image after a box blur of ``kernel`` pixels, which has to be odd."""

    space = "low-pass pixels"

    def __init__(self, kernel: int = 5, norm_pix: str = "none", **kwargs: int) -> None:
        super().__init__(norm_pix=norm_pix, **kwargs)
        if kernel % 2 == 0:
            raise UsageError(f"kernel={kernel} must be odd")
        self.kernel = kernel

    def forward(self, images: Tensor, where: Tensor | None = None) -> Tensor:
        padded = F.pad(images, [self.kernel // 2] * 4, mode="reflect")
        return super().forward(F.avg_pool2d(padded, self.kernel, stride=1), where)  # (B,n,T)
