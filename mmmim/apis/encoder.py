"""An encoder together with what its images need, as users of timm know it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from mmmim.datasets.decode import PIL_MODES, decode_image, to_tensor
from mmmim.datasets.transforms import build_transform
from mmmim.errors import one_of
from mmmim.evaluation.features import POOLS, pool_output
from mmmim.evaluation.splits import evaluation_transforms
from mmmim.models.backbones import Encoder
from mmmim.models.data_preprocessors import ImagePreprocessor

AnyImage = str | os.PathLike[str] | Image.Image | Tensor


class ImageEncoder(nn.Module):
    """An encoder of images: ``encoder(images)`` returns features ``(B, num_features)``.

    Images ``(B, C, H, W)`` are normalised float tensors, as ``default_transform`` makes them of files and pictures.

    Args:
        backbone: The encoder as a config builds it; its output is that of OpenMMLab's backbones.
        mean, std: One value per channel, in units of 0..255.
        pool: ``avg``, the mean over the patches, or ``cls``, the class token.
    """

    def __init__(self, backbone: Encoder, mean: Sequence[float], std: Sequence[float], pool: str = "avg") -> None:
        super().__init__()
        self.backbone = backbone
        self.preprocessor = ImagePreprocessor(mean, std)
        self.pool = one_of("pool", pool, POOLS)

    @property
    def num_features(self) -> int:
        """Return the width of the features."""
        return list(self.backbone.level_dims().values())[-1]

    @property
    def img_size(self) -> tuple[int, int]:
        """Return height and width of the images that the encoder was built for."""
        return self.backbone.img_size

    @cached_property
    def default_transform(self) -> ImageTransform:
        """Return what makes an image ready for this encoder: resize, centre crop, normalisation."""
        return ImageTransform(self.img_size, self.backbone.in_channels, self.preprocessor)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the encoder's last tokens ``(B, P+N, D)``, the class token, if there is one, first."""
        return self.backbone(images)[-1]

    def forward(self, images: Tensor) -> Tensor:
        return pool_output(self.forward_features(images), self.pool, self.backbone.num_prefix)


class ImageTransform:
    """Makes a normalised tensor ``(C, H, W)`` of an image: of a path, of Pillow, or uint8 ``(C, H, W)``."""

    def __init__(self, size: tuple[int, int], channels: int, preprocessor: nn.Module) -> None:
        self.channels, self.preprocessor = channels, preprocessor
        self.steps: list[Callable[[Any], Any]] = [build_transform(each) for each in evaluation_transforms(size)]

    def __call__(self, image: AnyImage) -> Tensor:
        pixels = self.pixels(image)
        mean, std = (getattr(self.preprocessor, name).cpu() for name in ("mean", "std"))
        return (pixels.to(mean.dtype) - mean) / std

    def pixels(self, image: AnyImage) -> Tensor:
        """Return the image resized and cropped, uint8 ``(C, H, W)``."""
        pixels: Any = self.decoded(image)
        for step in self.steps:
            pixels = step(pixels)
        return torch.as_tensor(pixels)

    def decoded(self, image: AnyImage) -> Tensor:
        """Return the image in its own size, uint8 ``(C, H, W)``."""
        if isinstance(image, (str, os.PathLike)):
            return decode_image(image, self.channels)
        if isinstance(image, Image.Image) and self.channels in PIL_MODES:
            image = image.convert(PIL_MODES[self.channels])
        return to_tensor(image)
