"""An encoder together with what its images need, as users of timm know it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mmmim.datasets.decode import PIL_MODES, decode_image, to_tensor
from mmmim.datasets.pixel_values import ValueRange
from mmmim.datasets.transforms import build_transform
from mmmim.errors import MissingFileError, UsageError, one_of
from mmmim.evaluation.features import POOLS, pool_output
from mmmim.evaluation.splits import evaluation_transforms
from mmmim.models.backbones import Encoder
from mmmim.models.data_preprocessors import ImagePreprocessor

AnyImage = str | os.PathLike[str] | Image.Image | np.ndarray | Tensor


class ImageEncoder(nn.Module):
    """An encoder of images: ``encoder(images)`` returns features ``(B, num_features)``.

    Images ``(B, C, H, W)`` are normalised float tensors, as ``default_transform`` makes them of files and pictures.

    Args:
        backbone: The encoder as a config builds it; its output is that of OpenMMLab's backbones.
        mean: One value per channel, in units of 0..255.
        std: As many standard deviations.
        pool: ``avg``, the mean over the patches, or ``cls``, the class token.
        value_range: The values of image files that become 0 and 255; see
            :func:`~mmmim.datasets.decode.decode_image`.
    """

    def __init__(
        self,
        backbone: Encoder,
        mean: Sequence[float],
        std: Sequence[float],
        pool: str = "avg",
        value_range: ValueRange | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.preprocessor = ImagePreprocessor(mean, std)
        self.pool = one_of("pool", pool, POOLS)
        self.value_range = value_range

    @property
    def num_features(self) -> int:
        """Return the width of the features."""
        return self.backbone.num_features

    @property
    def img_size(self) -> tuple[int, int]:
        """Return height and width of the images that the encoder was built for."""
        return self.backbone.img_size

    @cached_property
    def default_transform(self) -> ImageTransform:
        """Return what makes an image ready for this encoder: resize, centre crop, normalisation."""
        return ImageTransform(self.img_size, self.backbone.in_channels, self.preprocessor, self.value_range)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the encoder's last tokens ``(B, P+N, D)``, the class token, if there is one, first."""
        return self.backbone(images)[-1]

    def forward(self, images: Tensor) -> Tensor:
        return pool_output(self.forward_features(images), self.pool, self.backbone.num_prefix)


class ImageTransform:
    """Makes a normalised tensor ``(C, H, W)`` of an image: a path, a picture of Pillow, or uint8 pixels.

    Pixels are a tensor ``(C, H, W)`` or an array ``(H, W, C)``.

    Raises:
        UsageError: A file cannot be read as an image, or pixels are not uint8 or of another number of channels.
    """

    def __init__(
        self, size: tuple[int, int], channels: int, preprocessor: nn.Module, value_range: ValueRange | None = None
    ) -> None:
        self.channels, self.preprocessor, self.value_range = channels, preprocessor, value_range
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
            return self._read(os.fspath(image))
        if isinstance(image, Image.Image) and self.channels in PIL_MODES:
            image = image.convert(PIL_MODES[self.channels])
        pixels = to_tensor(image)
        if pixels.ndim != 3 or len(pixels) != self.channels or pixels.dtype != torch.uint8:
            raise UsageError(
                f"image: expected {self.channels} channels of uint8 in 0..255, a tensor ({self.channels}, H, W) or an "
                f"array (H, W, {self.channels}); got a tensor {tuple(pixels.shape)} of {pixels.dtype}"
            )
        return pixels

    def _read(self, path: str) -> Tensor:
        try:
            return decode_image(path, self.channels, self.value_range)
        except UsageError:
            raise
        except FileNotFoundError:
            raise MissingFileError(f"image: there is no file {path!r}") from None
        except Exception as error:  # decoders raise anything on broken data
            raise UsageError(f"image: {path!r} cannot be read ({type(error).__name__}: {error})") from error
