"""Crop and resize uint8 images in the integer arithmetic that Pillow uses too, with channels last in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

INTEGER_MODES = (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
FACTORS = (8, 4, 2)  # at which libjpeg-turbo decodes to a smaller size in less time
MARGIN = 2.0
Box = tuple[int, int, int, int]


@runtime_checkable
class Reducible(Protocol):
    """A transform that does not need all pixels of a large image."""

    def largest_reduction(self, height: int, width: int) -> int:
        """Return by which of the factors 1, 2, 4 and 8 an image may be smaller."""


def resize_uint8(image: Tensor, size: Sequence[int], mode: InterpolationMode, antialias: bool | None = True) -> Tensor:
    """Return an image ``(C, H, W)`` in another ``(height, width)``, the same on every machine and as Pillow within 1.

    torchvision takes the integer kernel on some processors only. Lanczos, which it lacks, is Pillow's.
    """
    if mode is InterpolationMode.LANCZOS:
        return F.pil_to_tensor(F.resize(F.to_pil_image(image), list(size), mode))
    if image.dtype != torch.uint8 or mode not in INTEGER_MODES or not antialias:
        return F.resize(image, list(size), mode, antialias=antialias)
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    pixels = image.as_subclass(Tensor)[None].contiguous(memory_format=torch.channels_last)
    resized = interpolate(pixels, size=list(size), mode=mode.value, antialias=True)[0]
    return tv_tensors.wrap(resized, like=image) if isinstance(image, tv_tensors.TVTensor) else resized


def crop_and_resize(
    image: Tensor, box: Box, size: Sequence[int], mode: InterpolationMode, antialias: bool | None = True
) -> Tensor:
    """Return the ``box`` (top, left, height, width) of an image ``(C, H, W)`` in another ``(height, width)``."""
    top, left, height, width = box
    cropped = image[:, top : top + height, left : left + width]
    if isinstance(image, tv_tensors.TVTensor):
        cropped = tv_tensors.wrap(cropped, like=image)
    return resize_uint8(cropped, size, mode, antialias)


def crop_reduction(
    image_size: tuple[int, int], size: Sequence[int], scale: Sequence[float], ratio: Sequence[float]
) -> int:
    """Return by which factor an image may be smaller so that every random crop still has :data:`MARGIN` times its size.

    The decoder averages pixels where a resize would weigh them: the closer its size is to the final one, the more the
    two differ. With this margin it is 0.9/255 on average over photographs, and 3/255 in the worst one.

    Args:
        scale: Smallest and largest area of a crop as a share of the image.
        ratio: Smallest and largest width / height of a crop.
    """
    area = scale[0] * image_size[0] * image_size[1]
    height, width = math.sqrt(area / max(ratio)) / MARGIN, math.sqrt(area * min(ratio)) / MARGIN
    return next((factor for factor in FACTORS if height >= factor * size[0] and width >= factor * size[1]), 1)


class RandomResizedCrop(v2.RandomResizedCrop):
    """torchvision's transform of this name, with the same random numbers, on the fast path for uint8 tensors."""

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) != 1 or not _is_image(inputs[0]):
            return super().forward(*inputs)
        return self.transform(inputs[0], self.make_params([inputs[0]]))  # without looking for images in containers

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not _is_image(inpt):
            return super().transform(inpt, params)
        box = params["top"], params["left"], params["height"], params["width"]
        return crop_and_resize(inpt, box, self.size, InterpolationMode(self.interpolation), self.antialias)

    def largest_reduction(self, height: int, width: int) -> int:
        """Return by which factor an image may be smaller, see :func:`crop_reduction`."""
        return crop_reduction((height, width), self.size, self.scale, self.ratio)


class RandomHorizontalFlip(v2.RandomHorizontalFlip):
    """torchvision's transform of this name, with the same random numbers, on the fast path for uint8 tensors."""

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) != 1 or type(inputs[0]) is not Tensor:
            return super().forward(*inputs)
        return inputs[0].flip(-1) if torch.rand(1) < self.p else inputs[0]


class Resize(v2.Resize):
    """torchvision's transform of this name, on the fast path for uint8 tensors."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not _is_image(inpt) or self.size is None or self.max_size is not None:
            return super().transform(inpt, params)
        size = self.size
        if len(size) == 1:  # the short side; torchvision truncates the long one
            sides = inpt.shape[-2:]
            size = [size[0] if side == min(sides) else int(size[0] * side / min(sides)) for side in sides]
        return resize_uint8(inpt, size, InterpolationMode(self.interpolation), self.antialias)


def _is_image(inpt: Any) -> bool:
    return (type(inpt) is Tensor or isinstance(inpt, tv_tensors.Image)) and inpt.ndim == 3
