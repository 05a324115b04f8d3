"""Encode an image for a pack: the file as it was, a smaller JPEG or PNG, or an array of pixels."""

from __future__ import annotations

import io
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from mmmim.datasets.decode import decode_bytes
from mmmim.datasets.resize import resize_uint8
from mmmim.datasets.sources.pack import PIXELS

from .settings import PackSettings

MAYBE_DEEP = ("PNG", "TIFF", "PPM")  # formats of which Pillow gives 8 bits where the file may have 16


class Encoded(NamedTuple):
    """The bytes of an entry, and the ending that says what they are where the name of the image does not."""

    content: bytes
    ending: str


def encode(content: bytes, name: str, settings: PackSettings) -> Encoded:
    """Return what a pack holds of the image in ``content``.

    ``pixels`` is an array ``(H, W, C)`` of 8 bits, with the channels and the value range of the settings. ``jpeg`` is
    the file as it was where its short side is not longer than ``size``, or where JPEG and PNG do not hold what training
    may read of it: more than 8 bits, or other numbers of channels than 1, 3 and 4. Other images are made smaller; they
    become JPEG, gray or in colour, or PNG if they are transparent somewhere.

    Raises:
        Exception: The image cannot be decoded; decoders raise anything.
    """
    image = decode_bytes(content, name, settings.channels, settings.value_range)
    if settings.format == PIXELS:
        file = io.BytesIO()
        np.save(file, reduced(image, settings.size).permute(1, 2, 0).contiguous().numpy())
        return Encoded(file.getvalue(), ".npy")
    channels = None if min(image.shape[-2:]) <= settings.size else _channels(content)
    if channels is None:
        return Encoded(content, "")
    if channels != settings.channels or settings.value_range is not None:
        image = decode_bytes(content, name, channels)
    picture = F.to_pil_image(reduced(image, settings.size))
    file = io.BytesIO()
    if channels == 4 and np.asarray(picture)[..., 3].min() < 255:
        picture.save(file, "PNG")
        return Encoded(file.getvalue(), ".png")
    picture = picture.convert("RGB") if channels == 4 else picture
    picture.save(file, "JPEG", quality=settings.quality, optimize=True)
    return Encoded(file.getvalue(), ".jpg")


def reduced(image: Tensor, size: int) -> Tensor:
    """Return an image ``(C, H, W)`` whose short side is at most ``size``, by bicubic resizing with antialiasing."""
    height, width = image.shape[-2:]
    short = min(height, width)
    if short <= size:
        return image
    wanted = [round(height * size / short), round(width * size / short)]
    return resize_uint8(image, wanted, InterpolationMode.BICUBIC)


def _channels(content: bytes) -> int | None:
    """Return 1, 3 or 4, the channels of an 8-bit image; None for all others, which are kept as they are."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            mode, transparent, form = image.mode, "transparency" in image.info, image.format
    except UnidentifiedImageError:
        return None
    if mode.startswith(("I", "F")) or (form in MAYBE_DEEP and mode in ("RGB", "RGBA") and _is_deep(content)):
        return None
    if mode.upper() in ("RGBA", "LA", "PA") or transparent:
        return 4
    return 1 if mode in ("1", "L") else 3


def _is_deep(content: bytes) -> bool:
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return values is not None and values.dtype != np.uint8
