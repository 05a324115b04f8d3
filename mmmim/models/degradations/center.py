"""The centre of a larger crop as the input (Beyond Masking, Appendix A.1 and the integrated task)."""

from __future__ import annotations

from torch import Tensor

from mmmim.errors import UsageError, one_of
from mmmim.registry import MODELS

from ..layers import to_pair
from .base import Degradation, Size
from .zoom import resize


@MODELS.register_module()
class CenterInput(Degradation):
    """The centre of a larger crop at its own scale, from which the whole crop has to be recovered.

    Args:
        input_size: Pixels the encoder sees; filled from the backbone. The crop is larger by an even number.
        target: ``area`` reduces the crop to the input's size (zoomed-in from outside, Appendix A.1); ``crop`` leaves
            it as it is, for :class:`IntegratedZoomTarget`.
    """

    def __init__(self, input_size: int | Size = 224, target: str = "area") -> None:
        super().__init__()
        self.input_size = to_pair(input_size)
        self.target = one_of("target", target, ("area", "crop"))

    def degrade(self, images: Tensor) -> Tensor:  # type: ignore[override]
        return centre(images, self.input_size)

    def output_size(self, size: Size) -> Size:
        return self.input_size

    def clean(self, images: Tensor) -> Tensor:
        return images if self.target == "crop" else resize(images, self.input_size, "area")


def margins(crop: Size, inner: Size) -> Size:
    """Return the pixels around the centre of a crop, above and left."""
    differences = [crop[0] - inner[0], crop[1] - inner[1]]
    if min(differences) < 0 or any(difference % 2 for difference in differences):
        raise UsageError(
            f"crop of {crop[0]}x{crop[1]} pixels: it must be larger than the input of {inner[0]}x{inner[1]} by an "
            "even number of pixels; change the size of the data's RandomResizedCrop"
        )
    return differences[0] // 2, differences[1] // 2


def centre(images: Tensor, size: Size) -> Tensor:
    """Return the images' centre of ``size`` pixels."""
    y, x = margins((images.shape[-2], images.shape[-1]), size)
    return images[:, :, y : y + size[0], x : x + size[1]]
