from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import PatchMask
from .base import Corrupted, Generator

MODES = ("pixel", "rand", "const")


@MODELS.register_module()
class ErasingGenerator(Generator):
    """Random erasing (`Zhong et al., 2020`) in place of a network.

    CIM compares its generator for ResNet-50 with it (Section 3.3, "image corrupting strategy"). The enhancer recovers
    the erased pixels from the visible ones.

    One rectangle of each image is erased. Its area is a share of the image, its height / width is log-uniform, and its
    place is uniform. The intervals of the latter two are cut to what fits into the image, which equals drawing again
    until the rectangle fits. The paper only says "50% random erasing"; mmmim takes this for the area.

    Args:
        area: Share of the pixels that is erased, or ``(least, most)``.
        aspect: Range of height / width; if no value of it fits into a long image, the nearest that does is taken.
        mode: What replaces the pixels, as in timm: ``pixel`` noise of N(0, 1) in normalised colours, ``rand`` one
            such colour for each image, or ``const``, the mean colour.
    """

    erases = True

    def __init__(
        self,
        area: float | tuple[float, float] = 0.5,
        aspect: tuple[float, float] = (0.3, 1 / 0.3),
        mode: str = "pixel",
    ) -> None:
        super().__init__()
        self.area = (area, area) if isinstance(area, int | float) else (area[0], area[1])
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise UsageError(f"area={area} must be a share in (0, 1], or a pair of increasing ones")
        if not 0 < aspect[0] <= aspect[1]:
            raise UsageError(f"aspect={aspect} must be an increasing pair of positive numbers")
        self.log_aspect = math.log(aspect[0]), math.log(aspect[1])
        self.mode = one_of("mode", mode, MODES)

    @torch.no_grad()
    def forward(
        self,
        images: Tensor,
        mask: PatchMask | None = None,
        token_images: Tensor | None = None,
        lender: nn.Module | None = None,
    ) -> Corrupted:
        """Erase a rectangle of each of ``images (B, C, H, W)``, normalised; the other arguments are not used."""
        erased = self.rectangles(images)
        return Corrupted(torch.where(erased, self._fill(images), images), None, {}, erased)

    def rectangles(self, images: Tensor) -> Tensor:
        """Return which pixels are erased: ``(B, 1, H, W)`` bool."""
        height, width = images.shape[-2:]
        draw = torch.rand(4, len(images), 1, device=images.device)  # fp32, on the images' device
        area = height * width * (self.area[0] + draw[0] * (self.area[1] - self.area[0]))  # (B,1)
        narrowest, widest = (area / width**2).log(), (height**2 / area).log()  # limits of height / width that fit
        low, high = (narrowest.clamp_min(bound).minimum(widest) for bound in self.log_aspect)
        root, half_log = area.sqrt(), 0.5 * (low + draw[1] * (high - low))
        rows = (root * half_log.exp()).round().clamp(1, height)  # (B,1)
        columns = (root * (-half_log).exp()).round().clamp(1, width)
        down = _inside(height, rows, draw[2])  # (B,H)
        across = _inside(width, columns, draw[3])  # (B,W)
        return (down[:, :, None] & across[:, None, :]).unsqueeze(1)

    def _fill(self, images: Tensor) -> Tensor:
        if self.mode == "pixel":
            return torch.randn_like(images)
        colours = images.new_zeros(*images.shape[:2], 1, 1)
        return colours.normal_() if self.mode == "rand" else colours


def _inside(side: int, length: Tensor, place: Tensor) -> Tensor:
    """Return which of ``side`` pixels lie in a stretch of ``length (B, 1)`` pixels: ``(B, side)``.

    All positions that keep the stretch inside are equally likely.
    """
    first = (place * (side - length + 1)).floor()
    pixel = torch.arange(side, device=length.device)
    return (pixel >= first) & (pixel < first + length)
